"""The head of an answer, read with care."""

from __future__ import annotations

import pytest
from requests import Response

from colorbench.weights.answers import cause_of, content_length, range_start, range_total, read_mark, refusal_of


def answer(status: int = 200, *, url: str = "https://host/a", **headers: str) -> Response:
    response = Response()
    response.status_code, response.url = status, url
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def test_a_way_from_https_to_http_is_refused_wherever_it_is() -> None:
    assert refusal_of(answer(), "https://host/a") == ""
    assert "leads from https" in refusal_of(answer(url="http://host/a"), "https://host/a")
    back = answer()
    back.history = [answer(302), answer(302, url="http://host/b")]
    assert "leads from https" in refusal_of(back, "https://host/a")
    assert refusal_of(answer(url="http://host/a"), "http://host/a") == ""


def test_ranges_are_read_or_not_believed() -> None:
    whole = answer(206, Content_Range="bytes 100-199/200")
    assert (range_start(whole), range_total(whole)) == (100, 200)
    assert range_total(answer(416, Content_Range="bytes */200")) == 200
    for text in ("", "bytes x-5/9", "items 1-2/3", "bytes */*"):
        assert range_start(answer(206, Content_Range=text)) is None
    assert range_total(answer(206, Content_Range="bytes 1-2/*")) is None


def test_a_weak_tag_is_no_mark() -> None:
    """Two files may share it, so RFC 9110 forbids it in If-Range."""
    assert read_mark(answer(ETag='"a"', Last_Modified="Tue")) == '"a"'
    assert read_mark(answer(ETag='W/"a"', Last_Modified="Tue")) == "Tue"
    assert read_mark(answer(ETag='W/"a"')) == ""


@pytest.mark.parametrize(("text", "length"), [("12", 12), ("", None), ("-1", None), ("1, 1", None)])
def test_lengths_are_read_or_unknown(text: str, length: int | None) -> None:
    assert content_length(answer(Content_Length=text)) == length


def test_an_unknown_cause_is_named_and_kept_short() -> None:
    assert cause_of(ValueError("x" * 500)) == "ValueError: " + "x" * 120
    assert cause_of(OSError("[Errno 111] Connection refused")) == "refuses the connection"
