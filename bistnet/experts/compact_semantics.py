"""The compact preset's semantic network: mmsegmentation's Fast-SCNN on luminance, for CamVid's 11 classes.

Poudel, Liwicki and Cipolla, "Fast-SCNN", BMVC 2019, arXiv 1902.04502. Ours takes one channel instead of three and leaves the
auxiliary heads out: 1.4 million parameters.
"""

from __future__ import annotations

from pathlib import Path

from bistnet.experts.mmseg_expert import MmsegExpert

CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)


def compact_semantics(checkpoint: Path | None = None) -> MmsegExpert:
    """The network, frozen where weights are given, else random and ready for training (its ``logits``).

    Raises:
        WeightsError: the checkpoint can't be read or does not fit.
    """
    norm = {"type": "BN"}
    head = {
        "type": "DepthwiseSeparableFCNHead",
        "in_channels": 128,
        "channels": 128,
        "concat_input": False,
        "num_classes": len(CLASSES),
        "norm_cfg": norm,
        "align_corners": False,
        "loss_decode": {"type": "CrossEntropyLoss", "avg_non_ignore": True},
    }
    model = {
        "type": "EncoderDecoder",
        "data_preprocessor": {"mean": [127.5], "std": [63.75]},
        "backbone": {"type": "FastSCNN", "in_channels": 1, "norm_cfg": norm, "align_corners": False},
        "decode_head": head,
    }
    return MmsegExpert.from_config({"model": model}, checkpoint)
