"""Sessions: where they are, when they end, and the gravest deeds ask again who it is (ASVS 5.0 V7)."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest

from onefold.accounts import service as accounts
from onefold.accounts import sessions, signing_in
from onefold.accounts.signing_in import Identity
from onefold.audit import service as audit
from onefold.console.devices import device_of
from onefold.core.clock import utc_now
from onefold.database.tables import sessions as table
from onefold.settings import service as settings
from tests.api.conftest import Api, problem
from tests.console.conftest import Console, Html, Seat
from tests.console.places import PLACES
from tests.console.test_matrix import CHANGES, ask, ids_for, on_sqlite
from tests.dsl import words

PASSWORD = "correct horse battery"


def aged(console: Console, seat: Seat, **ago: timedelta) -> None:
    """The times of the seat's session, as if it had begun so long ago."""
    moments = {field: utc_now() - length for field, length in ago.items()}
    assert seat.token is not None
    one = table.c.token_hash == accounts.token_hash(seat.token)
    words.do(console.base, lambda unit: unit.execute(unit.update(table).where(one).values(**moments)))


@pytest.fixture
def admin(console: Console) -> Seat:
    """An admin with a password, whose proof is ten minutes old."""
    agent_id = str(console.admin.agent_id)
    words.do(console.base, lambda unit: accounts.set_password(unit, agent_id, PASSWORD, words.COMMAND))
    seat = Seat(console.served, agent_id, console.session(agent_id))
    aged(console, seat, proven_at=timedelta(minutes=10))
    return seat


GRAVEST = {
    "/settings/keys": {"name": "Shop", "scope": "contacts:write"},
    "/settings/agents": {"email": "nia@kite.example", "name": "Nia", "role": "agent"},
    "/settings/agents/{agent_id}": {"name": "Ivo", "role": "admin"},
    "/settings/agents/{agent_id}/link": {"purpose": "link"},
    "/settings/agents/{agent_id}/second-factor/off": {},
    "/settings/webhooks": {"url": "https://127.0.0.1/x"},
    "/account/provider/link": {},
    "/customers/{profile_id}/export": {},
    "/customers/{profile_id}/erase": {"confirm": "{profile_id}"},
}


@pytest.mark.parametrize("path", GRAVEST)
def test_the_gravest_deeds_ask_who_it_is_and_keep_what_was_entered(console: Console, admin: Seat, path: str) -> None:
    assert ("POST", path) in PLACES
    ids = {"agent_id": words.agent(console.base, "Ivo"), "profile_id": console.customer("Ada")}
    address, fields = path.format(**ids), {name: value.format(**ids) for name, value in GRAVEST[path].items()}
    before = console.everything()
    asked = admin.post(address, data=fields)
    page = Html(asked.text)
    assert (asked.status_code, page.one("h1").text) == (403, "Confirm that it is you")
    assert page.one("form", action=address)
    carried = {e["name"]: e["value"] for e in page.all("input", type="hidden") if e["name"] != "page_id"}
    assert carried == fields
    assert console.everything() == before
    wrong = admin.post(address, data={**fields, "proof": "wrong password"})
    assert (wrong.status_code, "This is not your password." in wrong.text) == (403, True)
    assert "wrong password" not in wrong.text
    with console.database.read(console.organization_id) as unit:
        entry = audit.page(unit)[0]
    assert (entry.action, entry.details["agent_id"]) == ("session.refused", admin.agent_id)
    right = admin.post(address, data={**fields, "proof": PASSWORD})
    assert right.status_code in (200, 303)
    assert "Confirm that it is you" not in right.text
    assert "Confirm that it is you" not in admin.post(address, data=fields).text  # for five minutes


def test_who_may_not_is_told_so_before_they_are_asked_for_anything(console: Console) -> None:
    aged(console, console.agent, proven_at=timedelta(hours=1))
    asked = console.agent.post("/settings/keys", data=GRAVEST["/settings/keys"])
    assert (asked.status_code, "Your role does not allow this" in asked.text) == (403, True)


def test_a_script_of_ours_is_shown_the_question_in_the_place_of_the_page(console: Console, admin: Seat) -> None:
    asked = admin.post("/settings/keys", data=GRAVEST["/settings/keys"], headers={"HX-Request": "true"})
    assert (asked.status_code, asked.headers["HX-Push-Url"]) == (200, "false")
    assert "Confirm that it is you" in asked.text


def test_who_has_no_password_proves_it_by_a_code_once_or_signs_in_again(console: Console) -> None:
    seat, key = console.admin, GRAVEST["/settings/keys"]
    aged(console, seat, proven_at=timedelta(minutes=10))
    assert "You have neither a password nor a second factor" in seat.post("/settings/keys", data=key).text
    secret, agent_id = pyotp.random_base32(), str(seat.agent_id)
    code = pyotp.TOTP(secret).at(utc_now())
    words.do(
        console.base,
        lambda unit: signing_in.turn_on_second_factor(
            unit, agent_id, secret, code, words.COMMAND, except_token=seat.token
        ),
    )
    assert "The code is wrong" in seat.post("/settings/keys", data={**key, "proof": code}).text  # it was used
    later = pyotp.TOTP(secret).at(utc_now() + timedelta(seconds=30))
    assert "ofk_" in seat.post("/settings/keys", data={**key, "proof": later}).text


def test_an_agents_session_at_the_api_needs_the_proof_too(console: Console, admin: Seat) -> None:
    ada = console.customer("Ada")
    with Api(console.served, console.organization_id, admin.token) as api:
        key = {"name": "Shop", "scopes": ["profiles:read"]}
        problem(api.post("/v1/keys", json=key), 403, "proof_needed")
        problem(api.get(f"/v1/profiles/{ada}/export"), 403, "proof_needed")
        problem(api.post(f"/v1/profiles/{ada}/erase", json={"confirm": ada}), 403, "proof_needed")
    fresh = console.session(str(admin.agent_id))
    with Api(console.served, console.organization_id, fresh) as api:
        assert api.post("/v1/keys", json=key).status_code == 201
    with Api(console.served, console.organization_id, console.key()) as api:  # a key proves itself each time
        assert api.get(f"/v1/profiles/{ada}/export").status_code == 200


# Sessions


@pytest.mark.parametrize(
    ("ago", "goes_on"),
    [
        ({"last_used_at": timedelta(hours=7, minutes=59)}, True),
        ({"last_used_at": timedelta(hours=8, minutes=1)}, False),
        ({"expires_at": timedelta(minutes=-1)}, True),
        ({"expires_at": timedelta(minutes=1)}, False),
    ],
)
def test_a_session_ends_by_idleness_and_at_its_end(console: Console, ago: dict[str, timedelta], goes_on: bool) -> None:
    aged(console, console.agent, **ago)
    assert (console.agent.get("/customers").status_code == 200) is goes_on


@pytest.mark.parametrize(("ago", "status"), [(4, 303), (6, 403)])
def test_who_has_no_password_sets_one_only_a_moment_after_signing_in(console: Console, ago: int, status: int) -> None:
    """Else whoever finds a browser that was left open would have the account."""
    aged(console, console.agent, proven_at=timedelta(minutes=ago))
    new = {"password": "a good long one", "again": "a good long one"}
    answer = console.agent.post("/account/password", data=new)
    assert answer.status_code == status


@pytest.mark.parametrize(("minutes", "goes_on"), [(29, True), (31, False)])
def test_the_admin_sets_after_how_long_an_unused_session_ends(console: Console, minutes: int, goes_on: bool) -> None:
    words.do(
        console.base, lambda unit: settings.change(unit, {"session_idle_minutes": 30}, words.COMMAND), exclusive=True
    )
    aged(console, console.agent, last_used_at=timedelta(minutes=minutes))
    assert (console.agent.get("/account").status_code == 200) is goes_on
    assert ("not used for 30 minutes" in console.agent.get("/account").text) is goes_on


@pytest.mark.parametrize(
    ("path", "headers", "counts"),
    [("/customers", {}, True), ("/customers", {"X-Refresh": "1"}, False)],
)
def test_what_a_browser_asks_by_itself_is_no_use(
    console: Console, path: str, headers: dict[str, str], counts: bool
) -> None:
    aged(console, console.agent, last_used_at=timedelta(hours=1))
    assert console.agent.get(path, headers=headers).status_code == 200
    (session,) = words.do(console.base, lambda unit: sessions.of_agent(unit, str(console.agent.agent_id)))
    assert (utc_now() - session.last_used_at < timedelta(minutes=1)) is counts


def test_ones_sessions_are_listed_and_ended_one_by_one(console: Console) -> None:
    agent_id = str(console.agent.agent_id)
    other = Seat(console.served, agent_id, console.session(agent_id))
    words.do(
        console.base,
        lambda unit: sessions.name_device(unit, accounts.token_hash(str(other.token)), "Firefox on Windows"),
    )
    page = console.agent.page("/account")
    assert "Firefox on Windows" in page.text
    assert page.text.count("this one") == 1
    (ending,) = set(re.findall(r'action="(/account/sessions/[^"]+/end)"', page.source))
    assert console.lead.post(ending).status_code == 404  # another's
    assert console.agent.sent(ending) == ("/account", "session-ended")
    assert other.get("/customers").status_code == 303
    assert console.agent.get("/customers").status_code == 200


def test_signing_in_ends_the_session_that_the_browser_had__ASVS_7_2_4(console: Console) -> None:
    agent_id = str(console.agent.agent_id)
    words.do(console.base, lambda unit: accounts.set_password(unit, agent_id, PASSWORD, words.COMMAND))
    before, elsewhere = (Seat(console.served, agent_id, console.session(agent_id)) for _ in range(2))
    email = words.rows(console.base, f"SELECT email FROM agents WHERE id = '{agent_id}'")[0][0]
    fields = {"organization": console.organization_id, "email": email, "password": PASSWORD}
    answer = before.post("/sign-in", data={name: str(value) for name, value in fields.items()})
    assert answer.status_code == 303, answer.text[:500]
    after = Seat(console.served, agent_id, answer.cookies["onefold"])
    assert [seat.get("/customers").status_code for seat in (after, elsewhere)] == [200, 200]
    assert Seat(console.served, agent_id, before.token).get("/customers").status_code == 303


def test_an_account_at_a_provider_does_not_outlive_a_reset(console: Console) -> None:
    agent_id, identity = str(console.agent.agent_id), Identity("https://accounts.example", "17")
    words.do(console.base, lambda unit: signing_in.link_provider(unit, agent_id, identity, words.COMMAND))
    words.do(console.base, lambda unit: accounts.reset_password(unit, agent_id, PASSWORD, words.COMMAND))
    with pytest.raises(Exception, match="Nobody here is linked"):
        words.do(console.base, lambda unit: signing_in.sign_in_by_provider(unit, identity, "test"))
    actions = "SELECT action FROM audit WHERE organization_id = :org ORDER BY seq"
    assert [action for (action,) in words.rows(console.base, actions, org=console.organization_id)][-2:] == [
        "agent.provider_unlinked",
        "agent.password_set",
    ]


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("", ""),
        ("<script>" * 20, "<script>" * 5),
    ],
)
def test_a_device_in_two_words(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


# Every route: whether it asks for the proof

ASKING = {
    ("POST", "/settings/keys"),
    ("POST", "/settings/agents"),
    ("POST", "/settings/agents/{agent_id}"),
    ("POST", "/settings/agents/{agent_id}/link"),
    ("POST", "/settings/agents/{agent_id}/second-factor/off"),
    ("POST", "/settings/webhooks"),
    ("POST", "/customers/{profile_id}/export"),
    ("POST", "/customers/{profile_id}/erase"),
    ("POST", "/settings/webhooks/{webhook_id}"),
    ("POST", "/settings/webhooks/{webhook_id}/rotate"),
    ("POST", "/account/provider/link"),
    ("POST", "/account/provider/unlink"),
    ("POST", "/settings/agents/{agent_id}/activity"),
    ("POST", "/account/passkeys/new"),
    ("POST", "/account/passkeys"),
    ("POST", "/account/passkeys/{passkey_id}/remove"),
}
BY_PASSWORD = {"/account/password", "/account/second-factor", "/account/second-factor/off"}  # asked for in their forms


@on_sqlite
@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
def test_with_an_old_proof_a_route_asks_for_one_or_does_what_it_is_for(
    console: Console, admin: Seat, route: tuple[str, str]
) -> None:
    if route[1] in BY_PASSWORD:
        return
    place, ids = PLACES[route], ids_for(console, route, str(admin.agent_id))
    before = console.everything()
    answer = ask(admin, route, ids, ids)
    if route in ASKING:
        assert (answer.status_code, "Confirm that it is you" in answer.text) == (403, True)
        assert console.everything() == before
    else:
        assert "Confirm that it is you" not in answer.text
        assert answer.status_code in (place.answers, 303)
