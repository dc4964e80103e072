from __future__ import annotations

from pathlib import Path

import pytest

from colorbench.clips.protocol import PRESETS, load_protocol, protocol_fields, signature
from colorbench.clips.shots import DETECTION
from colorbench.errors import UsageError


def test_bistnet_is_the_paper_and_its_notes() -> None:
    protocol = load_protocol("bistnet")
    assert (protocol.width, protocol.height, protocol.max_frames) == (384, 224, 90)
    assert (protocol.exemplars, protocol.skip_first, protocol.skip_last) == ("ends", 6, 4)
    assert (protocol.pooling, protocol.rounding, protocol.score_exemplars) == ("clip", "nearest", False)


def test_presets_have_different_signatures_beyond_their_names() -> None:
    signatures = {signature(*protocol_fields(protocol)[1:]) for protocol in PRESETS.values()}
    assert len(signatures) == len(PRESETS)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("max_frames", "30"),
        ("exemplars", "every:10"),
        ("skip_first", "0"),
        ("skip_last", "0"),
        ("score_exemplars", "true"),
        ("gray", "rec601"),
        ("rounding", "truncate"),
        ("pooling", "frame"),
        ("interpolation", "bicubic"),
        ("fit", "cover"),
        ("width", "400"),
        ("mixed_sizes", "resize"),
    ],
)
def test_each_field_that_changes_numbers_changes_the_signature(key: str, text: str) -> None:
    changed = load_protocol("bistnet", overrides={key: text})
    assert signature(*protocol_fields(changed)[1:]) != signature(*protocol_fields(PRESETS["bistnet"])[1:])


def test_an_overridden_preset_does_not_keep_its_name() -> None:
    assert load_protocol("bistnet", overrides={"max_frames": "30"}).name == "bistnet*"


def test_short_and_long_signatures_say_the_same() -> None:
    fields = protocol_fields(PRESETS["bistnet"])
    long, short = signature(*fields), signature(*fields, short=True)
    assert [part.partition(":")[2] for part in long.split("|")] == [part.partition(":")[2] for part in short.split("|")]
    assert short == "p:bistnet|s:384x224|fit:stretch-area|f:90|x:ends|sc:6..-5|g:lab|r:nearest|o:clip"


def test_a_file_may_start_from_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "bistnet"\nmax_frames = 40\nexemplars = "first"\n')
    protocol = load_protocol(str(path))
    assert (protocol.name, protocol.max_frames, protocol.exemplars, protocol.width) == ("mine", 40, "first", 384)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_frame = 40\n", "did you mean 'max_frames'"),
        ('max_frames = "many"\n', "max_frames = 'many'"),
        ('fit = "squash"\n', "'stretch', 'cover', 'native'"),
        ('fit = "stretch"\nwidth = 0\nheight = 3\n', "from 1 to"),
        ("width = 384\n", "both sides"),
        ('exemplars = "every:0"\n', "every:K"),
        ("skip_first = -1\n", "0 or more"),
        ("score_exemplars = 1\n", "wanted: bool"),
        ("= 3\n", "valid TOML"),
        ('base = "bisnet"\n', "did you mean 'bistnet'"),
    ],
)
def test_a_wrong_file_is_refused_with_a_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text if "base" in text else 'base = "full"\n' + text)
    with pytest.raises(UsageError, match=r"remedy|did you mean") as error:
        load_protocol(str(path))
    assert message in str(error.value)


def test_an_unknown_protocol_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'bistnet'"):
        load_protocol("bisnet")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml does not exist"):
        load_protocol("nowhere.toml")


def test_an_override_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(UsageError, match="max_frames = 'x'"):
        load_protocol("bistnet", overrides={"max_frames": "x"})


def test_how_shots_are_found_is_in_the_signature_of_what_depends_on_them() -> None:
    per_shot = load_protocol("bistnet", overrides={"exemplars": "per-shot"})
    assert f"|exemplars:per-shot|shots:{DETECTION}|" in signature(*protocol_fields(per_shot))
    assert "shots:" not in signature(*protocol_fields(PRESETS["bistnet"]))
