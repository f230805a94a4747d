"""What of an email's HTML is shown: its formatting, and nothing that does or fetches anything (SEC, ASVS V1)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.console.mail_html import clean_html

KEPT = [
    '<p style="color:red">Dear shop</p>',
    "<b>bold</b><i>it</i><ul><li>one</li></ul>",
    '<table border="1" cellpadding="2"><tbody><tr><td align="left" bgcolor="#fff">x</td></tr></tbody></table>',
    '<font face="Arial" size="2">x</font>',
    '<img alt="logo" src="data:image/png;base64,AAAA">',
]
ELSEWHERE = "https://elsewhere.example"
TAKEN = [
    f"<iframe src='{ELSEWHERE}/frame'></iframe>",
    f"<link rel=preconnect href='{ELSEWHERE}'>",
    f"<link rel=stylesheet href='{ELSEWHERE}/a.css'>",
    f"<meta http-equiv=refresh content='0;url={ELSEWHERE}'>",
    f"<form action='{ELSEWHERE}'><input name=a><button formaction='{ELSEWHERE}'>Win</button></form>",
    f"<script src='{ELSEWHERE}/a.js'></script>",
    f"<object data='{ELSEWHERE}'></object><embed src='{ELSEWHERE}'>",
    f"<base href='{ELSEWHERE}'>",
    f"<img src='{ELSEWHERE}/pixel.png'>",
    "<img src='//elsewhere.example/pixel.png'>",
    f"<img srcset='{ELSEWHERE}/pixel.png 2x'>",
    f"<body background='{ELSEWHERE}/pixel.png'>",
    f"<video src='{ELSEWHERE}' poster='{ELSEWHERE}'></video>",
    f"<svg><image href='{ELSEWHERE}'/></svg>",
]


@pytest.mark.parametrize("html", KEPT)
def test_formatting_stays(html: str) -> None:
    assert clean_html(html, images=False) == html


@pytest.mark.parametrize("html", TAKEN)
def test_nothing_points_elsewhere_but_links(html: str) -> None:
    assert "elsewhere.example" not in clean_html(f"<p>Dear shop</p>{html}", images=False)


def test_a_link_stays_and_tells_nothing_of_who_follows_it() -> None:
    assert 'href="https://shop.example"' in (link := clean_html("<a href='https://shop.example'>x</a>", images=False))
    assert 'rel="noopener noreferrer"' in link


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", " JaVaScRiPt:x", "data:text/html,x", "vbscript:x", "file:///x"]
)
def test_a_link_that_would_do_something_leads_nowhere(address: str) -> None:
    assert "href" not in clean_html(f"<a href='{address}'>Press</a>", images=False)


def test_pictures_from_elsewhere_come_when_asked_for_and_by_https_alone() -> None:
    html = f"<img src='{ELSEWHERE}/a.png'><img src='http://elsewhere.example/b.png'><img src='data:text/html,x'>"
    assert clean_html(html, images=True) == f'<img src="{ELSEWHERE}/a.png"><img><img>'


@given(st.text("<>/='\" abcimgscriptonerrorhrefstyledata:", max_size=200), st.booleans())
def test_whatever_comes_no_handler_and_no_script_is_left(html: str, images: bool) -> None:
    cleaned = clean_html(html, images=images)
    assert not re.search(r"<script|<iframe|<[a-z]+[^>]* on[a-z]+=", cleaned, re.IGNORECASE)
    assert clean_html(cleaned, images=images) == cleaned
