"""Networks of mmsegmentation as experts: configs, checkpoints, probabilities."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bistnet.experts import build_expert
from bistnet.experts.gray import gray_level
from bistnet.experts.mmseg_expert import ConfigError, MmsegExpert
from colorbench.errors import WeightsError

HEAD = {
    "type": "FCNHead",
    "in_channels": 128,
    "channels": 16,
    "num_convs": 1,
    "concat_input": False,
    "norm_cfg": {"type": "SyncBN"},
}
PREPROCESSOR = {
    "type": "SegDataPreProcessor",
    "mean": [123.675, 116.28, 103.53],
    "std": [58.395, 57.12, 57.375],
    "bgr_to_rgb": True,
    "size": [512, 1024],
}


def config(**changes: object) -> dict[str, Any]:
    """Fast-SCNN as published configs write it: SyncBN, auxiliary head, pretrained parts, a preprocessor."""
    pretrained = {"type": "Pretrained", "checkpoint": "open-mmlab://none"}
    model = {
        "type": "EncoderDecoder",
        "data_preprocessor": PREPROCESSOR,
        "pretrained": "open-mmlab://none",
        "backbone": {"type": "FastSCNN", "norm_cfg": {"type": "SyncBN"}, "init_cfg": pretrained, "align_corners": False},
        "decode_head": {**HEAD, "num_classes": 5, "in_index": -1, "init_cfg": pretrained},
        "auxiliary_head": [{**HEAD, "num_classes": 5, "in_index": -2}],
        "train_cfg": {},
        "test_cfg": {"mode": "whole"},
    }
    return {"model": {**model, **changes}}


def config_file(path: Path, content: Mapping[str, object]) -> Path:
    path.write_text(json.dumps(content))
    return path


def checkpoint_file(path: Path, network: MmsegExpert) -> Path:
    state = {**network.model.state_dict(), "auxiliary_head.0.conv_seg.bias": torch.zeros(5)}
    torch.save({"meta": {"epoch": 160}, "state_dict": state}, path)
    return path


def test_probabilities_equal_mmsegmentations_own_pipeline(gray: Callable[..., Tensor]) -> None:
    from mmengine.config import ConfigDict
    from mmseg.registry import MODELS
    from mmseg.structures import SegDataSample

    torch.manual_seed(0)
    network = MmsegExpert.from_config(config()).eval()
    l_star = gray(1, 64, 96)
    picture = (gray_level(l_star[:1]) * 255).expand(-1, 3, -1, -1)
    preprocessor = MODELS.build(ConfigDict({**PREPROCESSOR, "size": None}))
    prepared = preprocessor({"inputs": list(picture), "data_samples": [SegDataSample()]})
    with torch.no_grad():
        theirs = network.model.predict(prepared["inputs"])[0].seg_logits.data  # type: ignore[operator]
        torch.testing.assert_close(network(l_star)[0], theirs.softmax(0), rtol=1e-4, atol=1e-5)


def test_sync_batch_normalization_and_foreign_weights_are_gone() -> None:
    network = MmsegExpert.from_config(config())
    kinds = {type(module) for module in network.modules()}
    assert nn.BatchNorm2d in kinds
    assert nn.SyncBatchNorm not in kinds
    assert not any("Pretrained" in str(getattr(module, "init_cfg", None)) for module in network.modules())
    assert not any(key.startswith("auxiliary_head") for key in network.model.state_dict())
    assert any(parameter.requires_grad for parameter in network.parameters())


def test_a_config_file_and_a_checkpoint_make_an_expert(tmp_path: Path, gray: Callable[..., Tensor]) -> None:
    source = MmsegExpert.from_config(config()).eval()
    where = config_file(tmp_path / "config.json", config())
    expert = build_expert("mmseg", config=where, checkpoint=checkpoint_file(tmp_path / "weights.pth", source))
    l_star = gray(2, 37, 53)
    with torch.no_grad():
        torch.testing.assert_close(expert(l_star), source(l_star), rtol=1e-4, atol=1e-5)
    assert (expert.kind, expert.channels, expert.trained) == ("semantic", 5, True)
    assert not any(
        parameter.requires_grad for parameter in source.__class__.from_config(config(), tmp_path / "weights.pth").parameters()
    )


def test_the_config_is_part_of_the_identity(tmp_path: Path) -> None:
    source = checkpoint_file(tmp_path / "weights.pth", MmsegExpert.from_config(config()))
    brighter = config(data_preprocessor={**PREPROCESSOR, "mean": [0.0, 0.0, 0.0]})
    files = [
        config_file(tmp_path / f"{name}.json", content) for name, content in (("a", config()), ("b", config()), ("c", brighter))
    ]
    first, again, other = (build_expert("mmseg", config=file, checkpoint=source).identity for file in files)
    assert first == again != other


def test_sliding_windows_of_the_config_are_used(gray: Callable[..., Tensor]) -> None:
    torch.manual_seed(0)
    whole = MmsegExpert.from_config(config()).eval()
    slide = MmsegExpert.from_config(config(test_cfg={"mode": "slide", "crop_size": (32, 32), "stride": (16, 16)})).eval()
    slide.load_state_dict(whole.state_dict())
    l_star = gray(2, 48, 64)
    with torch.no_grad():
        maps = slide(l_star)
        torch.testing.assert_close(maps.sum(1), torch.ones(2, 48, 64))
        assert not torch.allclose(maps, whole(l_star))


def test_a_single_output_becomes_two_classes(gray: Callable[..., Tensor]) -> None:
    head = {**HEAD, "num_classes": 2, "out_channels": 1, "in_index": -1}
    network = MmsegExpert.from_config(config(decode_head=head)).eval()
    with torch.no_grad():
        maps = network(gray(1, 37, 53))
    assert network.channels == 2
    torch.testing.assert_close(maps.sum(1), torch.ones(1, 37, 53))


def test_a_checkpoint_of_other_classes_is_refused(tmp_path: Path) -> None:
    path = checkpoint_file(tmp_path / "weights.pth", MmsegExpert.from_config(config()))
    other = config(decode_head={**HEAD, "num_classes": 7, "in_index": -1})
    with pytest.raises(WeightsError, match=r"decode_head\.conv_seg\.weight \(5, 16, 1, 1\) instead of \(7, 16, 1, 1\)"):
        MmsegExpert.from_config(other, path)


def test_configs_that_do_not_work_are_explained(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    cases: list[tuple[Path | dict[str, Any], str]] = [
        (tmp_path / "none.py", "no config"),
        (broken, "can't be read"),
        ({"dataset": {}}, "has no 'model'"),
        (config(backbone={"type": "FastSCCN"}), "can't be built"),
        ({"model": {"type": "FastSCNN"}}, "has no 'model'"),
    ]
    for content, message in cases:
        with pytest.raises(ConfigError, match=message):
            MmsegExpert.from_config(content)
