"""What customers send is text, whatever it looks like: nothing of it runs, on any page that shows it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Attachment
from tests.browser.conftest import Desk, SitDown
from tests.console.conftest import Console
from tests.dsl import words

RUN = "window.__pwned&&__pwned(1)"
HOSTILE = (
    f"<script>{RUN}</script>",
    f"</title></textarea></script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f'"><svg onload={RUN}>',
    f"' autofocus onfocus={RUN} x='",
    f'" autofocus onfocus="{RUN}" x="',
    f"javascript:{RUN}",
    f"JaVaScRiPt&colon;{RUN}",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'>",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> {% print(7*7) %}",
    f"<a href='javascript:{RUN}'>x</a>",
    f"<details open ontoggle={RUN}>",
    f"<form action='javascript:{RUN}'><button>x",
    f"<style>*{{background:url('javascript:{RUN}')}}</style>",
    f"<div hx-on:load='{RUN}' hx-get='/sign-out' hx-trigger=load>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    f"<base href='https://evil.example/'><script src=x>{RUN}</script>",
    f"\u202e<scr\u0000ipt>{RUN}</scr\u0000ipt>".replace("\u0000", "\u200b"),
    f"＜script＞{RUN}＜/script＞",
    f"<math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    f"]]><script>{RUN}</script><![CDATA[",
    f"--><script>{RUN}</script><!--",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e",
)
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"><script>{RUN}</script></svg>'


ELSEWHERE = "https://elsewhere.example"
"""A site of somebody else's, at which senders point to learn whether their email is read."""


@pytest.fixture
def watched(sit: SitDown, console: Console) -> tuple[Desk, list[object]]:
    """A lead at a browser, and what hostile texts have managed to run."""
    desk, ran = sit(console.admin), []
    desk.context.route(f"{ELSEWHERE}/**", lambda route: route.fulfill(body=SVG, content_type="image/svg+xml"))
    desk.context.expose_binding("__pwned", lambda _source, value: ran.append(value))
    return desk, ran


def look_at(page: Page, path: str) -> None:
    """Opens a page, everything that folds, and every frame."""
    page.goto(path, wait_until="domcontentloaded")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate("document.querySelectorAll('img, iframe').forEach((one) => one.scrollIntoView())")


def customer_of(console: Console, text: str, number: int) -> str:
    """A customer whose every name is this text; the id."""
    points = (
        PointInput("email", f"c{number}@kite.example"),
        PointInput("social", f"u{number}", network="x", handle=text[:200]),
    )
    profile_id = console.customer(text[:200], *points, username=f"{text[:150]}{number}")
    picture = f'{ELSEWHERE}/{number}"onerror="{RUN}'
    changes = {"attributes": {text[:60]: text}, "image": picture}
    words.do(console.base, lambda unit: profiles.edit(unit, profile_id, changes, None))
    return profile_id


def files_of(text: str) -> tuple[Attachment, ...]:
    """An email as its sender formatted it, and a picture that would like to be opened."""
    formatted = f"<p>{text}</p><img src=x onerror='{RUN}'>"
    return (
        Attachment("body.html", "text/html", formatted.encode()),
        Attachment(text[:100], "image/svg+xml", SVG.encode()),
    )


def test_nothing_that_a_customer_sends_runs(watched: tuple[Desk, list[object]], console: Console) -> None:
    """In every field, on every page that shows it."""
    desk, ran = watched
    desk.expects("/mail/")  # where the frame of an email has kept its scripts from running
    people = [customer_of(console, text, number) for number, text in enumerate(HOSTILE)]
    for number, text in enumerate(HOSTILE):
        more = {"subject": text, "body": text, "attachments": files_of(text)}
        hub_id = console.contact("email", email="hub@kite.example", name=HOSTILE[0], **more)
        words.add_detail(console.base, hub_id, text[:200], text)
        words.add_address(console.base, hub_id, text)
        words.relate(console.base, hub_id, people[number], text[:100])
    twin_id = console.contact("email", email="hub@kite.exampel", name=HOSTILE[0], subject=HOSTILE[1], body=HOSTILE[2])
    desk.seat_takes(hub_id)
    desk.seat_takes(twin_id)
    page = desk.page
    look_at(page, f"/customers/{hub_id}")
    subjects = [" ".join(text.split()) for text in reversed(page.locator(".item-subject").all_text_contents())]
    assert subjects == [" ".join(text.split()) for text in HOSTILE]
    for text, profile_id in list(zip(HOSTILE, people, strict=True))[::3]:
        page.goto(f"/customers/{profile_id}", wait_until="domcontentloaded")
        assert "49" not in page.title() + page.locator("h1").inner_text() or "49" in text
    for path in (
        "/customers",
        f"/inboxes/{console.general_id}",
        "/search?q=%3Cscript%3E",
        "/palette?q=%3C",
        "/queue",
        "/merges",
        f"/customers/{hub_id}/matches",
        f"/customers/{hub_id}/origins",
        f"/customers/{hub_id}/merge",
        "/audit",
        *(f"/customers/{one}/merge/{hub_id}" for one in people[2:6]),
        f"/customers?said={HOSTILE[0]}",
        f"/search?q={HOSTILE[1]}",
        f"/customers/{hub_id}/merge?q={HOSTILE[2]}",
    ):
        look_at(page, path)
    assert ran == []


def test_a_merge_of_hostile_names_tells_of_them_as_text(watched: tuple[Desk, list[object]], console: Console) -> None:
    desk, ran = watched
    one_id, other_id = customer_of(console, HOSTILE[2], 1), customer_of(console, HOSTILE[5], 2)
    page = desk.open(f"/customers/{one_id}/merge/{other_id}")
    page.locator(".sticky-foot button.primary").click()
    desk.says("Merged.")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("merged")
    look_at(page, f"/customers/{one_id}/origins")
    look_at(page, "/merges")
    look_at(page, "/audit")
    assert ran == []


def test_an_email_is_shown_in_a_frame_that_runs_and_fetches_nothing(
    watched: tuple[Desk, list[object]], console: Console
) -> None:
    """Its formatting shows; pictures from elsewhere come when they are asked for, and only then."""
    desk, ran = watched
    desk.expects("Content Security Policy")  # which keeps it from what it tries
    desk.expects("/mail/")
    html = (
        f"<script>{RUN}</script><p style='color:red'>Dear shop</p><img src='{ELSEWHERE}/picture.png' onerror='{RUN}'>"
        f"<link rel=stylesheet href='{ELSEWHERE}/style.css'><iframe src='{ELSEWHERE}/frame'></iframe>"
        f"<form action='{ELSEWHERE}/form'><button>Win</button></form><script src='{ELSEWHERE}/script.js'></script>"
        f"<a href='javascript:{RUN}'>Press</a><meta http-equiv=refresh content='0;url={ELSEWHERE}/gone'>"
    )
    files = (Attachment("body.html", "text/html", html.encode()), Attachment("logo.svg", "image/svg+xml", SVG.encode()))
    ada_id = console.contact("email", email="ada@kite.example", body="Dear shop", attachments=files)
    asked: list[str] = []
    desk.context.on("requestfinished", lambda request: asked.append(request.url) if ELSEWHERE in request.url else None)
    page = desk.open(f"/customers/{ada_id}")
    page.get_by_text("Show original formatting").click()
    letter = page.frame_locator("iframe.mail-frame")
    expect(letter.get_by_text("Dear shop")).to_be_visible()
    assert page.locator("iframe.mail-frame").get_attribute("sandbox") == ""
    expect(letter.locator("form, button, iframe, script, link, meta")).to_have_count(0)
    letter.get_by_text("Press").click()
    expect(letter.get_by_text("Dear shop")).to_be_visible()
    assert (ran, asked) == ([], [])

    with page.expect_request_finished(lambda request: ELSEWHERE in request.url):
        page.get_by_text("Load remote images").click()
    expect(letter.get_by_text("Dear shop")).to_be_visible()
    assert (ran, set(asked)) == ([], {f"{ELSEWHERE}/picture.png"})

    # A file is kept by the browser, never shown by it on its own.
    with page.expect_download() as download:
        page.get_by_role("link", name="logo.svg").click()
    assert download.value.suggested_filename == "logo.svg"
    assert ran == []


def test_a_file_opened_by_its_address_runs_nothing(watched: tuple[Desk, list[object]], console: Console) -> None:
    files = (Attachment("body.html", "text/html", f"<script>{RUN}</script>".encode()),)
    desk, ran = watched
    desk.expects("/mail/")
    ada_id = console.contact("email", email="ada@kite.example", body="Hi", attachments=files)
    page = desk.open(f"/customers/{ada_id}")
    address = page.locator("iframe.mail-frame").get_attribute("src")
    assert address is not None
    for path in (address, f"{address}?images=true"):
        page.goto(path, wait_until="domcontentloaded")
        assert page.evaluate("window.origin") == "null"  # of no site, least of all this one
    assert ran == []
