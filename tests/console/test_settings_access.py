"""Settings: who gets in, and what is shown once: agents, API keys, webhooks (EVT-1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyotp
import pytest

from onefold.accounts import service as accounts
from onefold.accounts import signing_in, store
from onefold.accounts.signing_in import SignedIn
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import NotSignedIn
from onefold.database.engine import UnitOfWork
from onefold.webhooks import service as webhooks
from onefold.webhooks import store as webhook_store
from tests.api.conftest import fresh
from tests.console.conftest import Console, Html, Seat
from tests.console.test_settings import until
from tests.dsl import words


def secret_of(page: Html) -> str:
    """What a page shows once."""
    return page.one("code", class_="secret").text


def posted(seat: Seat, path: str, **fields: Any) -> Html:
    """The page that answers a form by itself, for it shows a secret: no cache keeps it, no address has it."""
    answer = seat.post(path, data=fields)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    page = Html(answer.text)
    assert secret_of(page) not in answer.headers.get("hx-push-url", "") + str(answer.url)
    return page


# Agents ---------------------------------------------------------------------------------------------------------------


def agent_of(console: Console, agent_id: str) -> store.AgentRow:
    with console.database.read(console.organization_id) as unit:
        return store.read_agent(unit, agent_id)


def token_in(link: str) -> str:
    return urlsplit(link).query.removeprefix("token=")


def test_who_is_added_gets_an_invitation_that_is_shown_once(console: Console) -> None:
    email = f"{fresh('nia')}@kite.example"
    link = secret_of(posted(console.admin, "/settings/agents", name="Nia", email=email, role="lead"))
    assert link.startswith(f"{console.served.address}/invitation?token=oft_")
    assert token_in(link) not in console.admin.page("/settings/agents").source
    made = next(a for a in words.do(console.base, store.list_agents) if a.email == email)
    assert (made.name, made.role, made.password_hash) == ("Nia", "lead", None)
    entered = words.do(
        console.base, lambda unit: signing_in.accept_invitation(unit, token_in(link), "correct horse battery", "test")
    )
    assert isinstance(entered, SignedIn)
    assert console.admin.refused("/settings/agents", 409, name="Nia", email=email, role="lead")
    console.admin.refused("/settings/agents", 422, name="Bo", email="bo@kite.example", role="owner")


def test_a_new_link_takes_the_place_of_the_one_before(console: Console) -> None:
    path = f"/settings/agents/{console.agent.agent_id}"
    first, second = (token_in(secret_of(posted(console.admin, f"{path}/link", purpose="link"))) for _ in range(2))
    assert "/sign-in/link?token=" in secret_of(posted(console.admin, f"{path}/link", purpose="link")) != second
    with pytest.raises(NotSignedIn, match="no longer good"):
        words.do(console.base, lambda unit: signing_in.use_link(unit, first, "test"))


def test_a_name_and_a_role_are_changed_but_not_ones_own_role(console: Console) -> None:
    path = f"/settings/agents/{console.agent.agent_id}"
    assert console.admin.sent(path, name="Mara L.", role="lead") == (path, "saved")
    assert agent_of(console, console.agent.agent_id)[2:4] == ("Mara L.", "lead")
    assert console.agent.get("/queue").status_code == 200
    own = f"/settings/agents/{console.admin.agent_id}"
    assert console.admin.sent(own, name="Adam A.", role="agent") == (own, "saved")
    assert agent_of(console, console.admin.agent_id)[2:4] == ("Adam A.", "admin")


def test_who_is_deactivated_is_out_at_once_and_may_come_back(console: Console) -> None:
    path = f"/settings/agents/{console.agent.agent_id}"
    assert console.admin.sent(f"{path}/activity", active="0") == (path, "deactivated")
    assert console.agent.get("/customers").headers["location"].startswith("/sign-in")
    assert console.admin.refused(f"{path}/link", 409, purpose="link")
    assert console.admin.sent(f"{path}/activity", active="1") == (path, "activated")
    console.admin.refused(f"/settings/agents/{console.admin.agent_id}/activity", 409, active="0")
    assert agent_of(console, console.admin.agent_id).active


def test_the_last_active_admin_stays_one(console: Console) -> None:
    """Two admins may each demote the other; whoever comes second is told."""
    second = console.seat("Bea", "admin")
    own = f"/settings/agents/{console.admin.agent_id}"
    assert "another admin can" in console.admin.page(own).text
    assert second.sent(own, name="Adam", role="agent") == (own, "saved")
    assert (
        console.admin.post(f"/settings/agents/{second.agent_id}", data={"name": "B", "role": "agent"}).status_code
        == 403
    )
    words.do(
        console.base, lambda unit: accounts.change_agent(unit, console.admin.agent_id, {"role": "admin"}, words.COMMAND)
    )
    assert second.sent(f"{own}/activity", active="0") == (own, "deactivated")
    assert agent_of(console, second.agent_id).role == "admin"


def test_sessions_are_ended_but_for_ones_own(console: Console) -> None:
    path, own = (f"/settings/agents/{seat.agent_id}" for seat in (console.agent, console.admin))
    assert console.admin.sent(f"{path}/sign-out") == (path, "signed-out-agent")
    assert console.agent.get("/customers").status_code == 303
    elsewhere = Seat(console.served, console.admin.agent_id, console.session(console.admin.agent_id))
    assert console.admin.sent(f"{own}/sign-out") == (own, "signed-out-agent")
    assert (elsewhere.get("/customers").status_code, console.admin.get("/customers").status_code) == (303, 200)


def test_a_lost_second_factor_is_turned_off_by_an_admin_but_not_ones_own(console: Console) -> None:
    def turn_on(unit: UnitOfWork) -> None:
        secret, _ = signing_in.new_second_factor(store.read_agent(unit, console.agent.agent_id))
        code = pyotp.TOTP(secret).now()
        signing_in.turn_on_second_factor(unit, console.agent.agent_id, secret, code, words.COMMAND)

    words.do(console.base, turn_on)
    path = f"/settings/agents/{console.agent.agent_id}"
    assert "Turn the second factor off" in console.admin.page(path).text
    assert console.admin.sent(f"{path}/second-factor/off") == (path, "second-factor-off")
    with console.database.read(console.organization_id) as unit:
        assert not signing_in.has_second_factor(unit, console.agent.agent_id)
    console.admin.refused(f"/settings/agents/{console.admin.agent_id}/second-factor/off", 409)


# API keys -------------------------------------------------------------------------------------------------------------


def ask(console: Console, token: str, path: str = "/v1/profiles") -> int:
    """The status of the API's answer to a key."""
    address, headers = f"{console.served.address}{path}", {"Authorization": f"Bearer {token}"}
    return httpx.get(address, headers=headers, trust_env=False, verify=False).status_code


def test_a_key_is_shown_once_opens_what_it_may_and_is_revoked(console: Console) -> None:
    path = "/settings/keys"
    token = secret_of(posted(console.admin, path, name="Shop", scope=["profiles:read", "audit:read"]))
    assert (ask(console, token), ask(console, token, "/v1/settings")) == (200, 403)
    assert token not in console.admin.page(path).source
    with console.database.read(console.organization_id) as unit:
        key = next(key for key in store.list_keys(unit) if key.name == "Shop")
    assert (key.scopes, key.expires_at) == (["audit:read", "profiles:read"], None)
    assert console.admin.sent(f"{path}/{key.id}/revoke") == (path, "revoked")
    with pytest.raises(NotSignedIn, match="revoked"):
        accounts.authenticate(console.database, token)
    assert "Revoked and expired 1" in console.admin.page(path).text


def test_a_key_may_end_with_a_day_of_the_admins(console: Console) -> None:
    console.admin.cookies.set("zone", "Pacific/Auckland")
    day = (utc_now() + timedelta(days=10)).date()
    posted(console.admin, "/settings/keys", name="Ends", scope="profiles:read", expires_on=day.isoformat())
    with console.database.read(console.organization_id) as unit:
        ends = store.list_keys(unit)[-1].expires_at
    assert ends is not None
    assert ends.astimezone(utc_now().tzinfo).strftime("%H:%M") in ("10:59", "11:59")
    for wrong in ("2020-01-01", "yesterday", "9999-99-99"):
        console.admin.refused("/settings/keys", 422, name="X", scope="profiles:read", expires_on=wrong)
    console.admin.refused("/settings/keys", 422, name="X")
    console.admin.refused("/settings/keys", 422, name="X", scope="everything")


# Webhooks -------------------------------------------------------------------------------------------------------------

NOBODY_THERE = "https://127.0.0.1:9/hook"


def webhook(console: Console) -> str:
    """A webhook whose receiver is away; its address in the settings."""
    made = words.do(console.base, lambda unit: webhooks.create(unit, NOBODY_THERE, words.COMMAND), exclusive=True)
    return f"/settings/webhooks/{made.id}"


def test_a_webhook_is_added_for_some_events_and_its_secret_shown_once__EVT_1(console: Console) -> None:
    path = "/settings/webhooks"
    page = posted(
        console.admin,
        path,
        url=NOBODY_THERE,
        description="Shop",
        which="some",
        event_type=["profile.merged", "profile.unmerged"],
    )
    assert secret_of(page).startswith("whsec_")
    webhooks_page = console.admin.page(path)
    assert secret_of(page) not in webhooks_page.source
    assert "2 kinds of event" in webhooks_page.text
    for wrong in ({"url": "gopher://x"}, {"url": "https://u:p@127.0.0.1/"}, {"url": NOBODY_THERE, "which": "some"}):
        console.admin.refused(path, 422, **wrong)
    assert len(console.admin.page(path).all("a", data_row="")) == 1


def test_a_webhook_is_changed_paused_rotated_and_removed__EVT_1(console: Console) -> None:
    path = webhook(console)
    assert console.admin.sent(path, url=f"{NOBODY_THERE}/2", description="CRM", which="all") == (path, "saved")
    assert console.admin.sent(f"{path}/state", enabled="0") == (path, "disabled")
    assert "by hand" in console.admin.page(path).text
    assert console.admin.sent(f"{path}/state", enabled="1") == (path, "enabled")
    first, second = (posted(console.admin, f"{path}/rotate", at_once=at_once) for at_once in ("0", "1"))
    assert "the one before signs as well" in first.text
    assert "no secret any more" in second.text
    assert secret_of(first) != secret_of(second)
    page = console.admin.page(path)
    assert secret_of(first) not in page.source
    assert secret_of(second) not in page.source
    assert console.admin.sent(f"{path}/remove") == ("/settings/webhooks", "removed")
    console.admin.page(path, 404)


def test_what_has_failed_is_sent_again__EVT_1(console: Console) -> None:
    path = webhook(console)
    endpoint_id = path.rpartition("/")[2]
    console.customer("Ada")
    until(lambda: "no connection" in console.admin.page(path).text)

    def give_up(unit: UnitOfWork) -> int:
        later = utc_now() + timedelta(days=1)
        claimed = webhook_store.claim(unit, endpoint_id, new_id(), 10, later, later)
        for one in claimed:
            webhook_store.end(unit, one, "failed", 500, "refused", utc_now())
        return len(claimed)

    assert console.admin.sent(f"{path}/state", enabled="0") == (path, "disabled")
    until(lambda: words.do(console.base, give_up) == 1)
    assert "it refused (500)" in console.admin.page(path, state="failed").text
    assert console.admin.sent(f"{path}/replay", since="hour") == (path, "repeated-all")
    assert console.admin.sent(f"{path}/replay", since="hour") == (path, "repeated-none")
    assert words.do(console.base, give_up) == 1
    form = next(
        f
        for f in console.admin.page(path, state="failed").all("form")
        if "/deliveries/" in f.attributes.get("action", "")
    )
    assert console.admin.sent(form["action"], state="failed") == (path, "repeated")
    console.admin.refused(form["action"], 409)
    assert "Nothing failed" in console.admin.page(path, state="failed").text
    assert "A customer was added" in console.admin.page(path, state="pending").text
    assert "A customer was added" in console.admin.page(path, state="x'; --").text  # no state: all of them
    console.admin.refused(f"{path}/replay", 422, since="ever")
