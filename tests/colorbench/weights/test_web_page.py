"""Pages are told from checkpoints, and Drive's confirmation is read."""

from __future__ import annotations

import pytest

from colorbench.weights.web_page import confirmed_address, foreign_text, page_reason

DRIVE = "https://drive.google.com/uc?id=ID&export=download"


@pytest.mark.parametrize(
    "head",
    [
        b"PK\x03\x04archive/data.pkl",  # torch, zip
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",  # torch before 1.6
        b'\x40\x00\x00\x00\x00\x00\x00\x00{"a":{"dtype":"F16"',  # safetensors
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'",
        b"MATLAB 5.0 MAT-file",
        b"\x04\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00V 1",  # Torch7
        b"\n\x04VGG_",  # caffemodel
        b"\x1f\x8b\x08",
        b"",
    ],
)
def test_formats_of_weights_are_no_text(head: bytes) -> None:
    assert foreign_text(head) == ""


@pytest.mark.parametrize("head", [b"\xef\xbb\xbf<!DOCTYPE HTML>", b" \r\n<html lang=en>", b"<!-- x --><html>", b"<HEAD>"])
def test_pages_are_told_by_their_beginning(head: bytes) -> None:
    assert foreign_text(head) == "a web page"


def test_drives_form_becomes_its_address() -> None:
    page = """<html><body><form id="download-form" action="https://drive.usercontent.google.com/download" method="get">
    <input type="submit" id="uc-download-link" value="Download anyway"/><input type="hidden" name="id" value="ID">
    <input type="hidden" name="export" value="download"><input type="hidden" name="confirm" value="t">
    <input type="hidden" name="uuid" value="1-2"></form></body></html>"""
    assert (
        confirmed_address(page, DRIVE) == "https://drive.usercontent.google.com/download?id=ID&export=download&confirm=t&uuid=1-2"
    )


def test_the_older_form_and_the_oldest_link_are_read_too() -> None:
    action = "https://drive.google.com/uc?export=download&amp;id=ID&amp;confirm=t"
    assert (
        confirmed_address(f'<form action="{action}" method="post"></form>', DRIVE)
        == "https://drive.google.com/uc?export=download&id=ID&confirm=t"
    )
    link = '<a id="uc-download-link" href="/uc?export=download&amp;confirm=AbC&amp;id=ID">Download anyway</a>'
    assert confirmed_address(link, DRIVE) == "https://drive.google.com/uc?export=download&confirm=AbC&id=ID"


@pytest.mark.parametrize(
    "action",
    [
        "https://evil.example/download",
        "https://google.com.evil.example/d",
        "http://drive.google.com/d",
        "javascript:x",
        "file:///etc/x",
    ],
)
def test_a_form_that_leads_elsewhere_is_not_followed(action: str) -> None:
    assert confirmed_address(f'<form action="{action}"><input name="confirm" value="t"></form>', DRIVE) == ""


def test_a_page_without_a_confirmation_leads_nowhere() -> None:
    assert confirmed_address('<form action="/search"><input name="q"></form><a href="/x">x</a>', DRIVE) == ""


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<p>Too many users have viewed or downloaded this file recently.", "quota"),
        ('<a href="https://accounts.google.com/ServiceLogin?x">', "sign in"),
        ("<title>\n Not&nbsp;here </title>", "titled 'Not here'"),
        ("<p>x", "a web page"),
    ],
)
def test_pages_are_described(page: str, said: str) -> None:
    assert said in page_reason(page)
