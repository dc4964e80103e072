"""Experts by name: what is built, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bistnet.experts import NAMES, FrozenExpert, build_expert
from bistnet.experts.compact_edges import CompactEdges
from colorbench.errors import UnknownNameError, UsageError, WeightsError


def test_experts_are_named_as_they_were_asked_for(expert: FrozenExpert) -> None:
    assert expert.name in NAMES
    assert expert.channels == {"protoseg-19": 19, "compact-semantics": 11}.get(expert.name, 1)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'hed'"):
        build_expert("hedd")


def test_a_config_belongs_to_mmseg_alone() -> None:
    with pytest.raises(UsageError, match="expert mmseg without a config"):
        build_expert("mmseg")
    with pytest.raises(UsageError, match="expert hed with a config"):
        build_expert("hed", config=Path("config.py"))


def test_only_the_releases_experts_have_its_form() -> None:
    with pytest.raises(UsageError, match="no form 'release'"):
        build_expert("compact-edges", form="release")


def test_weights_make_an_expert_trained_and_known(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = CompactEdges()
    save_file({key: value.half() for key, value in source.state_dict().items()}, tmp_path / "edges.safetensors")
    first, again = (build_expert("compact-edges", checkpoint=tmp_path / "edges.safetensors") for _ in range(2))
    assert first.trained
    assert first.identity == again.identity != build_expert("compact-edges").identity


def test_forms_have_identities_of_their_own() -> None:
    identities = set()
    for form in ("paper", "release"):
        torch.manual_seed(0)
        identities.add(build_expert("hed", form=form).identity)
    assert len(identities) == 2


def test_a_checkpoint_of_another_expert_is_refused(tmp_path: Path) -> None:
    save_file(CompactEdges().state_dict(), tmp_path / "edges.safetensors")
    with pytest.raises(WeightsError, match="does not fit Hed"):
        build_expert("hed", checkpoint=tmp_path / "edges.safetensors")
