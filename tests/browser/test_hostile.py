"""What customers send is text, whatever it looks like: nothing of it runs, on any page that shows it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from onefold.domain.contact import Attachment
from onefold.services import profiles
from onefold.services.profiles import PointInput
from tests.browser.conftest import Desk, SitDown
from tests.console.conftest import Console
from tests.services import words

pytestmark = pytest.mark.xdist_group("browser")

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


class Elsewhere(NamedTuple):
    """A site of somebody else's, and who has asked it for what."""

    address: str
    asked: list[str]


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """A site that senders point at, to learn whether their email is read."""
    asked: list[str] = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/svg+xml")
            self.end_headers()
            self.wfile.write(SVG.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Elsewhere(f"http://127.0.0.1:{server.server_address[1]}", asked)
    server.shutdown()
    server.server_close()


@pytest.fixture
def watched(sit: SitDown, console: Console) -> tuple[Desk, list[object]]:
    """A lead at a browser, and what hostile texts have managed to run."""
    desk, ran = sit(console.admin), []
    desk.context.expose_binding("__pwned", lambda _source, value: ran.append(value))
    return desk, ran


def look_at(page: Page, path: str) -> None:
    """Opens a page, everything that folds, and every frame."""
    page.goto(path)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate("document.querySelectorAll('img, iframe').forEach((one) => one.scrollIntoView())")


def customer_of(console: Console, text: str, number: int) -> tuple[str, str]:
    """A customer everything of whom is this text, and one who may be the same; both ids."""
    email = f"c{number}@kite.example"
    files = (
        Attachment("body.html", "text/html", f"<p>{text}</p><img src=x onerror='{RUN}'>".encode()),
        Attachment(text[:100], "image/svg+xml", SVG.encode()),
    )
    short = text[:200]
    profile_id = console.contact("email", email=email, name=short, subject=text, body=text, attachments=files)
    social = PointInput("social", f"u{number}", network="x", handle=short)
    twin_id = console.customer(short, PointInput("email", f"d{number}@kite.example"), social, username=short)
    words.do(
        console.base,
        lambda unit: profiles.edit(
            unit, profile_id, {"attributes": {short[:60]: text}, "username": f"{short[:150]}{number}"}, None
        ),
    )
    words.add_detail(console.base, profile_id, short, text)
    words.add_address(console.base, profile_id, text)
    words.relate(console.base, profile_id, twin_id, short[:100])
    words.do(
        console.base, lambda unit: profiles.edit(unit, twin_id, {"image": f'https://x.invalid/{number}"{RUN}'}, None)
    )
    return profile_id, twin_id


def test_nothing_that_a_customer_sends_runs(watched: tuple[Desk, list[object]], console: Console) -> None:
    """In every field, on every page that shows it."""
    desk, ran = watched
    desk.expects("x.invalid")  # pictures of customers are asked for from wherever they are
    people = [customer_of(console, text, number) for number, text in enumerate(HOSTILE)]
    for profile_id, _ in people:
        desk.seat_takes(profile_id)
    page = desk.page
    for text, (profile_id, twin_id) in zip(HOSTILE, people, strict=True):
        look_at(page, f"/customers/{profile_id}")
        expect(page.locator(".item-subject").first).to_have_text(text, use_inner_text=False)
        assert "49" not in page.locator("#about").inner_text() or "49" in text
        look_at(page, f"/customers/{twin_id}/merge/{profile_id}")
    first_id, twin_id = people[0]
    for path in (
        "/customers", f"/inboxes/{console.general_id}", "/search?q=%3Cscript%3E", "/palette?q=%3C", "/queue", "/merges",
        f"/customers/{first_id}/matches", f"/customers/{first_id}/origins", f"/customers/{twin_id}", "/audit",
        f"/customers?said={HOSTILE[0]}", f"/search?q={HOSTILE[1]}", f"/customers/{first_id}/merge?q={HOSTILE[2]}",
    ):  # fmt: skip
        look_at(page, path)
    assert ran == []


def test_a_merge_of_hostile_names_tells_of_them_as_text(watched: tuple[Desk, list[object]], console: Console) -> None:
    desk, ran = watched
    desk.expects("x.invalid")
    one_id, other_id = customer_of(console, HOSTILE[2], 1)
    page = desk.open(f"/customers/{one_id}/merge/{other_id}")
    page.locator(".sticky-foot button.primary").click()
    desk.says("Merged.")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("merged")
    look_at(page, f"/customers/{one_id}/origins")
    look_at(page, "/merges")
    look_at(page, "/audit")
    assert ran == []


def test_an_email_is_shown_in_a_frame_that_runs_and_fetches_nothing(
    watched: tuple[Desk, list[object]], console: Console, elsewhere: Elsewhere
) -> None:
    """Its formatting shows; pictures from elsewhere come when they are asked for, and only then."""
    desk, ran = watched
    desk.expects("Content Security Policy")  # which is what stops them
    desk.expects("sandboxed")
    html = (
        f"<script>{RUN}</script><p style='color:red'>Dear shop</p><img src='{elsewhere.address}/pixel.png' onerror='{RUN}'>"
        f"<link rel=stylesheet href='{elsewhere.address}/style.css'><iframe src='{elsewhere.address}/frame'></iframe>"
        f"<form action='{elsewhere.address}/form'><button>Win</button></form>"
        f"<a href='javascript:{RUN}'>Press</a><meta http-equiv=refresh content='0;url={elsewhere.address}/gone'>"
    )
    files = (Attachment("body.html", "text/html", html.encode()), Attachment("logo.svg", "image/svg+xml", SVG.encode()))
    ada_id = console.contact("email", email="ada@kite.example", body="Dear shop", attachments=files)
    page = desk.open(f"/customers/{ada_id}")
    page.get_by_text("As the sender formatted it").click()
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.get_by_text("Dear shop")).to_be_visible()
    assert page.locator("iframe.mail-frame").get_attribute("sandbox") == ""
    frame.get_by_role("button", name="Win").click()
    frame.get_by_text("Press").click()
    expect(frame.get_by_text("Dear shop")).to_be_visible()
    assert (ran, elsewhere.asked) == ([], [])

    # A file is kept by the browser, never shown by it on its own.
    with page.expect_download() as kept:
        page.get_by_role("link", name="logo.svg").click()
    assert kept.value.suggested_filename == "logo.svg"
    assert ran == []


def test_a_file_opened_by_its_address_runs_nothing(watched: tuple[Desk, list[object]], console: Console) -> None:
    files = (Attachment("body.html", "text/html", f"<script>{RUN}</script>".encode()),)
    desk, ran = watched
    desk.expects("sandboxed")
    desk.expects("Content Security Policy")
    ada_id = console.contact("email", email="ada@kite.example", body="Hi", attachments=files)
    page = desk.open(f"/customers/{ada_id}")
    address = page.locator("iframe.mail-frame").get_attribute("src")
    assert address is not None
    for path in (address, f"{address}?images=true"):
        page.goto(path)
        assert page.evaluate("window.origin") == "null"  # of no site, least of all this one
    assert ran == []
