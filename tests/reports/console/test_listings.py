"""What `colorbench methods` says of a method."""

from __future__ import annotations

from colorbench.listing import list_methods
from reports.console.listings import method_lines, with_published


def test_a_method_has_its_facts_and_what_papers_print_of_it() -> None:
    records = [record for record in with_published(list_methods()) if record["name"] in ("cic", "flow")]
    cic, flow = records
    assert cic["published"][0]["figures"] == {"psnr": "22.57", "ssim": "0.947", "lpips": "0.106", "cdc": "0.006746"}
    assert flow["published"] == []
    text = "\n".join(method_lines([cic]))
    for words in ("automatic", "no exemplar", cic["licence"], "as printed in BiSTNet, Table 1, CIC: psnr 22.57, ssim 0.947"):
        assert words in text
    assert "trained on imagenet" in text
    assert "as printed" not in "\n".join(method_lines([flow]))


def test_a_broken_file_is_a_line_with_its_error() -> None:
    broken = {"name": "mine", "module": "baselines.mine", "error": "SyntaxError: no"}
    assert method_lines(with_published([broken])) == ["mine            BROKEN     baselines.mine: SyntaxError: no"]
