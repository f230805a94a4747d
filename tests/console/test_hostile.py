"""Whoever means ill: addresses, forms, headers and cookies that no page of ours would send."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from onefold.accounts import sign_in_store as sign_ins
from onefold.channels.oidc import Identity, Secrets
from onefold.console.app import create_console
from onefold.console.visitor import local_path
from onefold.core.clock import utc_now
from onefold.core.process_settings import Settings
from onefold.core.secrets import SecretBox
from tests.console.conftest import Console

FORM = "application/x-www-form-urlencoded"
BACK = "/sign-in/provider/back"
KEPT = "onefold-provider"

ELSEWHERE = (
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "evil",
    "",
    "//[",
    "//\u2100",  # which Python refuses to take apart
)


@pytest.mark.parametrize("then", ELSEWHERE)
def test_signing_in_leads_to_no_other_site(console: Console, then: str) -> None:
    assert local_path(then) == "/"
    page = console.nobody.page("/sign-in", then=then)
    assert page.one("input", name="then")["value"] == "/"
    assert console.agent.get("/sign-in", params={"then": then}).headers["location"] == "/"


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "http://"])
def test_an_origin_that_nobody_can_read_is_not_ours(console: Console, origin: str) -> None:
    browser = httpx.Client(base_url=console.served.address, trust_env=False)
    answer = browser.post("/sign-in", headers={"Origin": origin}, data={"email": "a@kite.example"})
    assert answer.status_code == 403
    browser.close()


@pytest.mark.parametrize("charset", ["undefined", "punycode", "utf-7", "unicode_escape", "utf-8"])
def test_a_form_of_another_kind_is_refused(console: Console, charset: str) -> None:
    """Its parts name the codec that their bytes are read by; some codecs make what no text is."""
    body = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n\\ud800+2AA-@kite.example\r\n--x--\r\n'
    kind = f"Multipart/Form-Data ; boundary=x; charset={charset}"
    answer = console.nobody.post("/sign-in", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, "no form of ours" in answer.text) == (422, True)


def test_a_form_with_too_much_in_it_says_so(console: Console) -> None:
    path = f"/customers/{console.customer('Ada')}/write"
    for body, said in (
        ("&".join(f"a{number}=1" for number in range(10_000)), "more fields than any of ours"),
        ("kind=note&do=send&body=" + "a" * 1_200_000, "body is longer than 1,000,000 characters"),
    ):
        answer = console.agent.post(path, content=body, headers={"Content-Type": FORM})
        assert (answer.status_code, said in answer.text) == (422, True), answer.text[-800:]


def test_no_email_at_the_door_takes_long_to_read(console: Console) -> None:
    """Putting long runs of combining marks in order takes time by the square of their number: here, minutes."""
    begun = time.perf_counter()
    answer = console.nobody.post(
        "/sign-in", data={"email": "a" + "\u0315\u0300" * 80_000 + "@kite.example", "password": "x"}
    )
    assert answer.status_code == 413  # and as long as one may be:
    answer = console.nobody.post("/sign-in", data={"email": "a" + "\u0315\u0300" * 1_200, "password": "x"})
    assert answer.status_code == 401
    assert time.perf_counter() - begun < 5


def test_an_attribute_has_a_name(console: Console) -> None:
    profile_id = console.customer("Ada")
    before = console.everything()
    console.agent.refused(f"/customers/{profile_id}/attributes", 422, key=" ", value="gold")
    assert console.everything() == before


def test_only_the_address_that_a_page_names_is_kept_for_ever(console: Console) -> None:
    """Else whoever asks an old process for the new file's address has everybody keep the old one under it."""
    page = console.nobody.page("/sign-in")
    ours = page.one("link", rel="stylesheet")["href"]
    assert "immutable" in console.nobody.get(ours).headers["cache-control"]
    for other in (
        "/static/app.css",
        "/static/app.css?v=0123456789ab",
        f"{ours}&x=1",
        ours.replace("app.css", "app.js"),
    ):
        answer = console.nobody.get(other)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache"), other


@pytest.mark.parametrize(
    "number", ["-1", "9223372036854775808", "9" * 4_000, "9" * 5_000, "1.5", "x", "\x00", "\u00b2"]
)
@pytest.mark.parametrize("path", ["", "/items", "/matches"])
def test_a_place_in_a_timeline_is_a_number_that_a_database_can_hold(console: Console, path: str, number: str) -> None:
    address = f"/customers/{console.customer('Ada')}{path}"
    answer = console.agent.get(address, params={"before": number})
    assert answer.status_code == (200 if path == "/matches" else 422)
    assert console.agent.get(address, params={"at": number, "before": "1"}).status_code in (200, 422)


def test_what_was_sent_is_shown_where_it_went(console: Console) -> None:
    """A page that stayed open may hold a draft that has moved to another customer since (DET-1)."""
    here, there = console.customer("Ada"), console.customer("Bo")
    draft = console.agent.post(
        f"/customers/{there}/write", data={"kind": "note", "body": "Hi", "do": "autosave"}
    ).json()
    sent = {"kind": "note", "body": "Bo likes tea", "do": "send", "draft_id": draft["draft_id"]}
    assert console.agent.sent(f"/customers/{here}/write", **sent) == (f"/customers/{there}", "note-added")
    assert "Bo likes tea" in console.agent.page(f"/customers/{there}").one("section", id="timeline").text
    assert "Bo likes tea" not in console.agent.page(f"/customers/{here}").one("section", id="timeline").text


def test_a_link_asks_whoever_is_signed_in_already(console: Console) -> None:
    """Else a colleague's own link, clicked on, would have one go on working under the colleague's name."""
    at_once = console.nobody.page("/sign-in/link", token="x").one("form", action="/sign-in/link")
    assert "data-submit-now" in at_once.attributes
    page = console.agent.page("/sign-in/link", token="x")
    assert "data-submit-now" not in page.one("form", action="/sign-in/link").attributes
    assert "signed in already, as Mara" in page.text


# Single sign-on -------------------------------------------------------------------------------------------------------


class AnyProvider:
    """A provider where somebody is signed in already and everything is agreed to."""

    def begin(self, _redirect_uri: str) -> tuple[str, Secrets]:
        return "https://provider.example/authorize", Secrets("state", "nonce", "verifier")

    def finish(self, _code: str, _secrets: Secrets, _redirect_uri: str) -> Identity:
        return Identity("https://provider.example", "mallory")


class Browser:
    """A browser in which the agent is signed in, at a console with a provider; follows no redirect."""

    def __init__(self, console: Console) -> None:
        settings = Settings(database_url=console.served.url)  # type: ignore[call-arg]
        self._app = create_console(console.database, settings=settings, provider=AnyProvider())
        self.cookies = httpx.Cookies({"onefold": console.agent.token})

    def get(self, path: str, **given: Any) -> httpx.Response:
        """The answer to an address; its cookies are kept."""
        return asyncio.run(self._get(path, given))

    async def _get(self, path: str, given: dict[str, Any]) -> httpx.Response:
        there = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=there, base_url="http://testserver", cookies=self.cookies) as client:
            answer = await client.get(path, **given)
            self.cookies = client.cookies
        return answer


@pytest.fixture
def browser(console: Console) -> Browser:
    """A browser of the agent's."""
    return Browser(console)


def linked(console: Console, agent_id: str) -> bool:
    with console.database.read(console.organization_id) as unit:
        credentials = sign_ins.of_agent(unit, agent_id)
    return credentials is not None and credentials.oidc_subject is not None


OURS = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("headers", [OURS, {"Referer": "http://testserver/account"}])
def test_an_agent_links_the_account_by_the_link_on_the_page(
    console: Console, browser: Browser, headers: dict[str, str]
) -> None:
    begun = browser.get("/sign-in/provider", params={"link": "true"}, headers=headers)
    assert begun.headers["location"] == "https://provider.example/authorize"
    assert not linked(console, console.agent.agent_id)
    back = browser.get(BACK, params={"code": "x", "state": "state"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert back.headers["location"] == "/account?said=linked"
    assert linked(console, console.agent.agent_id)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"},  # a customer's picture
        {"Referer": "https://evil.example/"},
        {"Referer": "http://["},
        {},
    ],
)
def test_no_other_site_links_an_account_of_its_own(console: Console, browser: Browser, headers: dict[str, str]) -> None:
    """An agent who was signed in at the provider as somebody else, unknowingly, would let that somebody in."""
    begun = browser.get("/sign-in/provider", params={"link": "true"}, headers=headers)
    assert begun.headers["location"] == "/account"
    assert KEPT not in begun.cookies
    assert browser.get(BACK, params={"code": "x", "state": "state"}).status_code == 401
    assert not linked(console, console.agent.agent_id)


def test_what_one_agent_has_begun_links_no_other(console: Console, browser: Browser) -> None:
    browser.get("/sign-in/provider", params={"link": "true"}, headers=OURS)
    browser.cookies.delete("onefold")
    browser.cookies.set("onefold", console.lead.token)
    assert browser.get(BACK, params={"code": "x", "state": "state"}).status_code == 401
    assert not linked(console, console.lead.agent_id)


def test_a_sign_in_that_this_browser_has_not_begun_is_refused(console: Console, browser: Browser) -> None:
    assert browser.get(BACK, params={"code": "x", "state": "state"}).status_code == 401
    browser.get("/sign-in/provider")
    for state in ("", "other", "st\u00e4te"):
        assert browser.get(BACK, params={"code": "x", "state": state}).status_code == 401


GOOD = {"secrets": ["state", "nonce", "verifier"], "then": "/", "organization": 1}


@pytest.mark.parametrize(
    "content",
    [
        "x",
        1,
        [],
        {},
        GOOD | {"secrets": [1, 2, 3]},
        GOOD | {"secrets": "abc"},
        GOOD | {"secrets": ["state"]},
        GOOD | {"then": None},
        GOOD | {"organization": "x"},
        GOOD | {"organization": 10**30},
        GOOD | {"organization": 0},
        GOOD | {"link": "nobody"},
        GOOD | {"link": None},
    ],
)
def test_a_cookie_that_we_have_not_made_signs_nobody_in(console: Console, browser: Browser, content: Any) -> None:
    later = (utc_now() + timedelta(minutes=5)).timestamp()
    browser.cookies.set(KEPT, base64.urlsafe_b64encode(json.dumps(["provider", content, later]).encode()).decode())
    assert browser.get(BACK, params={"code": "x", "state": "state"}).status_code == 401


@pytest.fixture
def key(console: Console, monkeypatch: pytest.MonkeyPatch) -> SecretBox:
    """The key of the installation, with which its console seals."""
    box = SecretBox([Fernet.generate_key()])
    monkeypatch.setattr(console.database, "secrets", box)
    return box


@pytest.mark.parametrize(
    ("purpose", "minutes", "sealed", "signed_in"),
    [
        ("provider", 5, True, True),
        ("provider", -1, True, False),
        ("device", 5, True, False),
        ("provider", 5, False, False),
    ],
    ids=["ours", "too old", "sealed for something else", "made up"],
)
def test_a_sign_in_in_progress_is_sealed(
    console: Console, browser: Browser, key: SecretBox, purpose: str, minutes: int, sealed: bool, signed_in: bool
) -> None:
    begun = browser.get("/sign-in/provider", params={"link": "true"}, headers=OURS)
    assert "state" not in str(begun.cookies[KEPT])
    value = GOOD | {"organization": console.organization_id, "link": console.agent.agent_id}
    expires_at = (utc_now() + timedelta(minutes=minutes)).timestamp()
    text = base64.urlsafe_b64encode(json.dumps([purpose, value, expires_at]).encode()).decode()
    browser.cookies.delete(KEPT)
    browser.cookies.set(KEPT, key.seal(text) if sealed else text)
    answer = browser.get(BACK, params={"code": "x", "state": "state"})
    assert (answer.status_code == 303, linked(console, console.agent.agent_id)) == (signed_in, signed_in)


@pytest.mark.parametrize("cookie", ["\x7f", "=", base64.urlsafe_b64encode(b"[" * 20_000).decode()])
def test_a_cookie_that_nobody_can_read_signs_nobody_in(browser: Browser, cookie: str) -> None:
    answer = browser.get(BACK, params={"code": "x", "state": "state"}, headers={"Cookie": f"{KEPT}={cookie}"})
    assert answer.status_code == 401
