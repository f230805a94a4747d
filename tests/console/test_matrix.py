"""Every address of the console × every role × own and foreign ids: sign in, 403, 404, or what the address is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from onefold.accounts import service as accounts
from onefold.console import app
from tests.api.conftest import Served
from tests.console.cast import Cast, cast, settings_cast
from tests.console.conftest import Console, Html, Seat
from tests.console.places import NOBODY, PLACES, ROLES, Place
from tests.dsl import words

# On SQLite alone: it has no row-level security that would hide a condition that a statement has forgotten.
on_sqlite = pytest.mark.parametrize("served", ["sqlite"], indirect=True)

ROUTES = sorted(
    (method, route.path)
    for module in (*app._ROUTES, app.events)
    for route in module.router.routes
    for method in route.methods  # type: ignore[attr-defined]
)
KNOWN = [route for route in ROUTES if route in PLACES]
CHANGES = [route for route in KNOWN if route[0] == "POST"]
PAGES = [route for route in KNOWN if route[0] == "GET" and PLACES[route].page and PLACES[route].answers == 200]

every_route = pytest.mark.parametrize("route", KNOWN, ids=" ".join)


def test_every_route_has_its_line_in_the_table() -> None:
    assert [route for route in ROUTES if route not in PLACES] == []
    assert [route for route in PLACES if route not in ROUTES] == []


def ask(seat: Seat, route: tuple[str, str], path_ids: Cast, field_ids: Cast, **headers: str) -> httpx.Response:
    """The answer to a route whose address and form name these ids."""
    (method, template), place = route, PLACES[route]
    path = template.format(**{**path_ids, **{key: value.format(**path_ids) for key, value in place.values.items()}})
    fields = {key: value.format(**field_ids) for key, value in place.fields.items()}
    given: dict[str, Any] = {"params" if method == "GET" else "data": fields or None}
    if template != "/events":
        return seat.request(method, path, headers=headers, **given)
    with seat.stream(method, path) as answer:  # which goes on for ever
        return answer


def ids_for(console: Console, route: tuple[str, str], author_id: str) -> Cast:
    """Ids that the route may be asked about."""
    return settings_cast(console) if route[1].startswith(("/settings", "/runs")) else cast(console, author_id)


def led_to_sign_in(answer: httpx.Response) -> bool:
    """Whether the answer is to sign in."""
    location = answer.headers.get("location", "")
    return answer.status_code == 303 and location.startswith("/sign-in") and "provider" not in location


@pytest.fixture(scope="module")
def _foreign() -> dict[str, tuple[Console, Cast]]:
    return {}


@pytest.fixture
def foreign(served: Served, _foreign: dict[str, tuple[Console, Cast]]) -> Iterator[tuple[Console, Cast]]:
    """Another organization of the same database, in which nothing may change."""
    if served.url not in _foreign:
        theirs = Console(served)
        _foreign[served.url] = theirs, {**cast(theirs, theirs.agent.agent_id), **settings_cast(theirs)}
    theirs, ids = _foreign[served.url]
    before = theirs.everything()
    yield theirs, ids
    assert theirs.everything() == before


@on_sqlite
@every_route
def test_who_may(console: Console, foreign: tuple[Console, Cast], route: tuple[str, str]) -> None:
    place, (_, theirs) = PLACES[route], foreign
    own_ids = ids_for(console, route, console.agent.agent_id)
    before = console.everything()
    for role, seat in console.roles.items():
        if ROLES.index(role) >= ROLES.index(place.least):
            if place.foreign is not None:
                assert ask(seat, route, theirs, theirs).status_code == place.foreign, role
            if place.foreign_fields is not None:
                assert ask(seat, route, own_ids, theirs).status_code == place.foreign_fields, role
        elif role == NOBODY:
            answer = ask(seat, route, own_ids, own_ids)
            assert led_to_sign_in(answer) or (route[1] == "/events" and answer.status_code == 401)
        else:
            assert ask(seat, route, own_ids, own_ids).status_code == 403, role
    assert console.everything() == before

    for role in ROLES[ROLES.index(place.least) :]:
        seat = console.roles[role]
        ids = ids_for(console, route, seat.agent_id or console.agent.agent_id)
        answer = ask(seat, route, ids, ids)
        assert answer.status_code == place.answers or _signed_in_already(place, role, answer), (role, answer.text)
        assert place.least == NOBODY or not led_to_sign_in(answer), role


def _signed_in_already(place: Place, role: str, answer: httpx.Response) -> bool:
    """The sign-in page sends on whoever is signed in."""
    return place.least == NOBODY and role != NOBODY and answer.status_code == 303


ELSEWHERE: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Referer": "https://evil.example/"},
    {},
)
"""What a browser says of a request that another site's page has made; and what no browser would say."""


def silent(seat: Seat) -> Seat:
    """The same browser, which says only what a test has it say of where a request comes from."""
    browser = Seat(seat.served, seat.agent_id, seat.token)
    del browser.headers["Sec-Fetch-Site"]
    return browser


@on_sqlite
def test_a_change_that_another_site_asks_for_is_refused(console: Console) -> None:
    """CSRF: browsers say where a request comes from; one that says nothing is refused too."""
    ids = {**settings_cast(console), **cast(console, console.admin.agent_id)}
    before = console.everything()
    with silent(console.admin) as admin, silent(console.nobody) as nobody:
        for route in CHANGES:
            browser = nobody if PLACES[route].least == NOBODY else admin
            for headers in (*ELSEWHERE, {"Sec-Fetch-Site": "cross-site", "Origin": console.served.address}):
                answer = ask(browser, route, ids, ids, **headers)
                assert (answer.status_code, "another site" in answer.text) == (403, True), (route, headers)
    assert console.everything() == before


@on_sqlite
def test_a_browser_that_says_only_its_origin_is_trusted_if_it_is_ours(console: Console) -> None:
    path = f"/customers/{console.customer('Ada')}/details"
    with silent(console.agent) as browser:
        for origin, status in (("https://evil.example", 403), (console.served.address, 303)):
            answer = browser.post(path, data={"key": "Size", "value": "M"}, headers={"Origin": origin})
            assert answer.status_code == status, origin


@on_sqlite
def test_headers_let_nothing_run_that_is_not_ours(console: Console) -> None:
    ids = {**settings_cast(console), **cast(console, console.admin.agent_id)}
    for route in PAGES:
        seat = console.nobody if PLACES[route].least == NOBODY else console.admin
        answer = ask(seat, route, ids, ids)
        assert answer.status_code == 200, route
        check_headers(answer)
        check_nothing_inline(Html(answer.text))


def check_headers(answer: httpx.Response) -> None:
    """The headers of every page."""
    policy = {
        name: values.split() for name, _, values in (one.strip().partition(" ") for one in _policy(answer).split(";"))
    }
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["style-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == ["'self'"]
    assert "unsafe" not in _policy(answer)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] in ("same-origin", "no-referrer")


def _policy(answer: httpx.Response) -> str:
    policy: str = answer.headers["content-security-policy"]
    return policy


def check_nothing_inline(page: Html) -> None:
    """Not a script, a style, a handler or an address that would run, and nothing from elsewhere."""
    for element in page.elements:
        assert element.tag not in ("style", "base", "object", "embed"), element
        assert element.tag != "script" or (element["src"].startswith("/static/") and not element.text), element
        for name, value in element.attributes.items():
            assert name != "style" and not name.startswith(("on", "hx-on")), element
            assert not (name in ("hx-vals", "hx-headers") and value.lstrip().startswith(("js:", "javascript:"))), (
                element
            )
            if name in ("href", "src", "action", "formaction", "hx-get", "hx-post"):
                of_a_customer = element.tag == "img" or (
                    value.startswith(("mailto:", "tel:")) and element.attributes.get("hx-boost") == "false"
                )
                assert value.startswith(("/", "#", "?")) or of_a_customer, element


@on_sqlite
def test_a_refusal_is_as_strict_as_a_page(console: Console) -> None:
    for seat, path in ((console.agent, "/customers/nobody"), (console.agent, "/no/such/page"), (console.nobody, "/x")):
        answer = seat.get(path)
        assert answer.status_code == 404
        check_headers(answer)
        check_nothing_inline(Html(answer.text))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
@on_sqlite
def test_no_address_takes_other_methods(console: Console, method: str) -> None:
    assert console.admin.request(method, "/customers").status_code == 405


@on_sqlite
def test_drafts_are_their_authors_own(console: Console) -> None:
    """Not even an admin reads, sends or throws away what somebody else is writing."""
    own_ids = cast(console, console.agent.agent_id)
    before = console.everything()
    for seat in (console.lead, console.admin):
        path = f"/customers/{own_ids['profile_id']}"
        assert seat.post(f"/drafts/{own_ids['draft_id']}/delete").status_code == 404
        assert seat.get(path, params={"draft": own_ids["draft_id"]}).status_code == 404
        sent = {"kind": "note", "body": "mine now", "draft_id": own_ids["draft_id"], "do": "send"}
        assert seat.post(f"{path}/write", data=sent).status_code == 409  # as of one that is gone
    after = console.everything()
    assert {name for name in after if after[name] != before[name]} <= {"conversation_reads"}


@on_sqlite
def test_a_role_that_was_taken_away_ends_at_once(console: Console) -> None:
    words.do(
        console.base, lambda unit: accounts.change_agent(unit, console.agent.agent_id, {"active": False}, words.COMMAND)
    )
    assert led_to_sign_in(console.agent.get("/customers"))
