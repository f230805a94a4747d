"""Settings: what an admin changes, what asks twice, and what is shown once (RES-7, RES-9, MRG-4, SUG-6, PRO-12)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import phonenumbers
import pyotp
import pytest

from onefold.console.regions import regions
from onefold.console.settings_page import TABS
from onefold.console.settings_words import EVENTS, FEATURES, POLICY_FIELDS, SCOPES
from onefold.domain.merge_policies import ASK, BY_RULE
from onefold.domain.webhooks import EVENT_TYPES
from onefold.domain.weights import DEFAULT_WEIGHTS
from onefold.services import accounts, runs, settings, signing_in, webhooks
from onefold.services.clock import new_id, utc_now
from onefold.services.profiles import PointInput
from onefold.services.settings import SettingsView
from onefold.services.signing_in import SignedIn
from onefold.storage import accounts as store
from onefold.storage import runs as run_store
from onefold.storage import webhooks as webhook_store
from onefold.storage.database import Unit
from onefold.storage.organizations import mark_runs
from onefold.storage.runs import RunRow
from tests.api.conftest import Served, fresh, serving
from tests.console.conftest import Console, Html, Seat
from tests.services import words

PATIENCE_SECONDS = 20
EVERYBODYS = "everybody@example.com"


def set_up(console: Console) -> SettingsView:
    """The settings as they are."""
    with console.database.read(console.organization_id) as unit:
        return settings.read(unit)


def until(true: Callable[[], bool]) -> None:
    """Waits for what the background does; not for ever."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < ends, "it has not come to pass"
        time.sleep(0.05)


def secret_of(page: Html) -> str:
    """What a page shows once."""
    return page.one("code", class_="secret").text


def posted(seat: Seat, path: str, **fields: Any) -> Html:
    """The page that answers a form by itself, for it shows a secret: no cache keeps it, no address has it."""
    answer = seat.post(path, data=fields)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    shown = Html(answer.text)
    assert secret_of(shown) not in answer.headers.get("hx-push-url", "") + str(answer.url)
    return shown


def test_the_settings_are_the_admins_alone(console: Console) -> None:
    for path, label in TABS:
        assert label in [link.text for link in console.admin.page(path).all("a", href=path, aria_current="page")]
        assert console.agent.page(path, 403).text == console.lead.page(path, 403).text
        assert console.nobody.get(path).headers["location"].startswith("/sign-in")


def test_the_words_say_everything_there_is() -> None:
    assert set(FEATURES) == set(DEFAULT_WEIGHTS)
    assert set(POLICY_FIELDS) == set(BY_RULE)
    assert set(SCOPES) == set(accounts.SCOPES)
    assert set(EVENTS) == set(EVENT_TYPES)


def test_every_region_has_a_name_and_its_calling_code() -> None:
    found = dict(regions())
    assert set(found) == set(phonenumbers.SUPPORTED_REGIONS)
    assert found["DE"] == "Germany (+49)"


# The organization -----------------------------------------------------------------------------------------------------


def test_the_organization_is_changed_as_a_whole_or_not_at_all(console: Console) -> None:
    given = {
        "name": "Kite & Co.", "default_region": "DE", "default_inbox_id": console.inbox_id, "undo_days": 0,
        "shared_limit": 1000,
    }  # fmt: skip
    assert console.admin.sent("/settings", **given) == ("/settings", "saved")
    now = set_up(console)
    assert {name: getattr(now, name) for name in given} == given
    for wrong in (
        {"undo_days": 3651}, {"undo_days": "-1"}, {"undo_days": ""}, {"shared_limit": 0}, {"default_region": "XX"},
        {"name": " "}, {"default_inbox_id": "nowhere"},
    ):  # fmt: skip
        console.admin.refused("/settings", 422, **{**given, "name": "Other", **wrong})
    assert set_up(console) == now


# Matching -------------------------------------------------------------------------------------------------------------


def shared_by(console: Console, *names: str) -> list[str]:
    """Customers who list one email, which they may in the mode `contacted`."""
    words.do(console.base, lambda unit: settings.change(unit, {"matching_mode": "contacted"}), alone=True)
    return [console.customer(name, PointInput("email", EVERYBODYS)) for name in names]


def test_a_switch_is_previewed_with_what_stands_in_its_way__RES_9(console: Console) -> None:
    ada, bob = shared_by(console, "Ada", "Bob")
    shown = console.admin.page("/settings/matching", preview="listed")
    assert "1 value stands in the way" in shown.text
    assert EVERYBODYS in shown.text
    assert {f"/customers/{ada}", f"/customers/{bob}", f"/customers/{ada}/merge/{bob}"} <= shown.links
    assert [form for form in shown.all("form") if form.attributes.get("action") == "/settings/matching/mode"] == []

    refused = console.admin.refused("/settings/matching/mode", 409, mode="listed")
    assert "nothing was switched" in refused.text
    assert f"/customers/{ada}/merge/{bob}" in refused.links
    assert set_up(console).matching_mode == "contacted"


def test_a_switch_nothing_stands_in_the_way_of_is_made__RES_9(console: Console) -> None:
    shared_by(console, "Ada", "Bob")
    there = console.admin.sent("/settings/blocklist", kind="email", value=EVERYBODYS, then="preview")
    assert there == ("/settings/matching", "blocked")
    assert "Nothing stands in the way" in console.admin.page("/settings/matching", preview="listed").text
    assert console.admin.sent("/settings/matching/mode", mode="listed") == ("/settings/matching", "switched")
    assert set_up(console).matching_mode == "listed"
    console.admin.refused("/settings/matching/mode", 422, mode="any")


def newest_run(console: Console, kind: str) -> RunRow:
    with console.database.read(console.organization_id) as unit:
        return run_store.list_runs(unit, kind=kind)[0]


def finished(console: Console, kind: str) -> RunRow:
    """The newest run of a kind, when it is through."""
    until(lambda: newest_run(console, kind).state == "finished")
    return newest_run(console, kind)


def types_of(console: Console, profile_id: str) -> list[str | None]:
    return [point.phone_type for point in words.show(console.base, profile_id).points]


def test_identification_is_previewed_switched_on_and_never_unmarks__RES_7(console: Console) -> None:
    ada = console.customer("Ada", PointInput("phone", "+4915112345678", phone_type="other"))
    assert console.admin.sent("/settings/matching/mobiles/preview") == ("/settings/matching", "started")
    assert finished(console, runs.PREVIEW_MOBILES).counts["changed"] == 1
    text = console.admin.page("/settings/matching").text
    assert "1 number looked at, 1 of them mobile; 1 would become mobile" in text
    assert types_of(console, ada) == ["other"]

    assert console.admin.sent("/settings/matching/mobiles", on="1") == ("/settings/matching", "started")
    finished(console, runs.IDENTIFY_MOBILES)
    assert types_of(console, ada) == ["mobile"]
    assert console.admin.sent("/settings/matching/mobiles", on="0") == ("/settings/matching", "saved")
    assert not set_up(console).mobile_identification
    assert types_of(console, ada) == ["mobile"]


def test_a_run_is_stopped_and_resumed_and_followed_while_it_runs__RES_7(console: Console) -> None:
    def asleep(unit: Unit) -> str:
        run = runs.start_preview(unit)
        mark_runs(unit, False)  # so that the worker does not take it up beside the test
        return run.id

    run_id = words.do(console.base, asleep)
    path = f"/settings/matching/runs/{run_id}"

    def part() -> Html:
        answer = console.admin.get("/settings/matching?part=mobiles", headers={"HX-Request": "true"})
        assert "<html" not in answer.text
        return Html(f"<body>{answer.text}</body>")

    assert part().one("span", hx_trigger="every 1s")["hx-target"] == "closest .runs"
    assert console.admin.sent(f"{path}/stop") == ("/settings/matching", "stopped")
    assert "Resume" in part().text
    assert part().all("span", hx_trigger="every 1s") == []
    console.admin.refused(f"{path}/stop", 409)
    console.admin.refused(f"{path}/again", 404)
    assert console.admin.sent(f"{path}/resume") == ("/settings/matching", "started")
    finished(console, runs.PREVIEW_MOBILES)
    assert console.admin.page("/settings/matching", part="mobiles").one("h1").text == "Settings"


def test_a_weight_is_changed_in_percent_and_taken_back__SUG_5(console: Console) -> None:
    path = "/settings/matching/weights"
    assert console.admin.sent(path, feature="email", m="80,5", u="0.05 %") == ("/settings/matching", "rated-anew")
    assert set_up(console).match_weights == {**DEFAULT_WEIGHTS, "email": (0.805, 0.0005)}
    assert newest_run(console, runs.REBUILD_MATCHES).state in ("running", "finished")
    row = next(row for row in console.admin.page("/settings/matching").all("tr") if "Same email changed" in row.text)
    assert "80.5 %" in row.text
    for m, u in (("0", "1"), ("101", "1"), ("nan", "1"), ("inf", "1"), ("", "1"), ("1e-9", "1"), ("x", "1")):
        console.admin.refused(path, 422, feature="email", m=m, u=u)
    console.admin.refused(path, 422, feature="shoe_size", m="1", u="1")
    assert console.admin.sent(f"{path}/defaults") == ("/settings/matching", "rated-anew")
    assert set_up(console).match_weights == DEFAULT_WEIGHTS
    assert console.admin.sent(f"{path}/defaults") == ("/settings/matching", "saved")


# Merging --------------------------------------------------------------------------------------------------------------


def chosen(page: Html) -> dict[str, str]:
    """The mode that is ticked for each field."""
    ticked = [box for box in page.all("input", type="radio") if "checked" in box.attributes]
    return {box["name"].removeprefix("mode."): box["value"] for box in ticked}


def test_policies_are_set_by_field_or_all_at_once_by_a_preset__MRG_4(console: Console) -> None:
    path = "/settings/merging"
    assert chosen(console.admin.page(path)) == BY_RULE
    assert console.admin.sent(path, preset="ask") == (path, "saved")
    assert chosen(console.admin.page(path)) == ASK == set_up(console).merge_policies
    assert console.admin.sent(path, **{"mode.name": "rule", "mode.customer_id": "refuse"}) == (path, "saved")
    assert chosen(console.admin.page(path)) == {**ASK, "name": "rule", "customer_id": "refuse"}
    for wrong in ({"preset": "any"}, {"mode.name": "refuse"}, {"mode.shoe_size": "rule"}):
        console.admin.refused(path, 422, **wrong)


# The blocklist --------------------------------------------------------------------------------------------------------


def test_a_value_is_blocked_and_taken_off__PRO_12(console: Console) -> None:
    path = "/settings/blocklist"
    ada = console.customer("Ada", PointInput("email", EVERYBODYS))
    assert console.admin.sent(path, kind="email", value=f" {EVERYBODYS.upper()} ") == (path, "blocked")
    assert not words.point_of(console.base, ada, EVERYBODYS).identifying
    console.admin.refused(path, 409, kind="email", value=EVERYBODYS)
    console.admin.refused(path, 422, kind="visitor", value="x")
    console.admin.refused(path, 422, kind="email", value=" ")
    assert console.admin.sent(f"{path}/remove", kind="email", value=EVERYBODYS) == (path, "unblocked")
    assert words.point_of(console.base, ada, EVERYBODYS).identifying
    console.admin.refused(f"{path}/remove", 404, kind="email", value=EVERYBODYS)


def test_what_very_many_share_can_be_blocked_with_one_click__SUG_6_PRO_12(console: Console) -> None:
    path = "/settings/blocklist"
    words.do(console.base, lambda unit: settings.change(unit, {"shared_limit": 2}), alone=True)
    for name in ("Ada", "Bob", "Cyd"):
        console.customer(name, PointInput("phone", "+442079460018", phone_type="office"))
    assert console.admin.page(path).one("section", id="candidates")["hx-get"] == f"{path}?candidates=true"
    part = console.admin.get(f"{path}?candidates=true", headers={"HX-Request": "true"}).text
    shown = console.admin.page(path, candidates="true")
    assert Html(part).one("section", id="candidates").text == shown.one("section", id="candidates").text
    row = next(row for row in shown.all("tr") if "+44 20 7946 0018" in row.text)
    assert "3 customers" in row.text
    assert shown.one("button", aria_label="Block +44 20 7946 0018").text == "Block it"
    assert console.admin.sent(path, kind="phone", value="+442079460018") == (path, "blocked")
    assert "No value is shared by so many" in console.admin.page(path, candidates="true").text


# Inboxes --------------------------------------------------------------------------------------------------------------


def test_inboxes_are_added_renamed_and_given_agents__PRO_9(console: Console) -> None:
    path, agent_id = "/settings/inboxes", console.agent.agent_id
    assert console.admin.sent(path, name="Returns") == (path, "inbox-added")
    console.admin.refused(path, 409, name="Returns")
    with console.database.read(console.organization_id) as unit:
        returns = next(inbox_id for inbox_id, name in store.list_inboxes(unit) if name == "Returns")
    assert console.admin.sent(f"{path}/{returns}", name="Goods back") == (path, "saved")
    assert "Goods back" in console.admin.page(path).text
    assert console.admin.sent(f"{path}/{returns}/agents", agent_id=agent_id) == (path, "saved")
    with console.database.read(console.organization_id) as unit:
        assert store.inbox_members(unit, returns) == [agent_id]
        assert store.read_agent(unit, agent_id).recent_inbox_id == returns
    assert console.admin.sent(f"{path}/{returns}/agents/{agent_id}/remove") == (path, "removed")
    with console.database.read(console.organization_id) as unit:
        assert store.inbox_members(unit, returns) == []
    console.admin.refused(f"{path}/nowhere", 404, name="X")


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
        console.base, lambda unit: signing_in.accept_invitation(unit, token_in(link), "correct horse battery")
    )
    assert isinstance(entered, SignedIn)
    assert console.admin.refused("/settings/agents", 409, name="Nia", email=email, role="lead")
    console.admin.refused("/settings/agents", 422, name="Bo", email="bo@kite.example", role="owner")


def test_a_new_link_takes_the_place_of_the_one_before(console: Console) -> None:
    path = f"/settings/agents/{console.agent.agent_id}"
    first, second = (token_in(secret_of(posted(console.admin, f"{path}/link", purpose="link"))) for _ in range(2))
    assert "/sign-in/link?token=" in secret_of(posted(console.admin, f"{path}/link", purpose="link")) != second
    with pytest.raises(Exception, match="no longer good"):
        words.do(console.base, lambda unit: signing_in.use_link(unit, first))


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
    words.do(console.base, lambda unit: accounts.change_agent(unit, console.admin.agent_id, {"role": "admin"}))
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
    def turn_on(unit: Unit) -> None:
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
    with pytest.raises(Exception, match="revoked"):
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
    made = words.do(console.base, lambda unit: webhooks.create(unit, NOBODY_THERE), alone=True)
    return f"/settings/webhooks/{made.id}"


def test_a_webhook_is_added_for_some_events_and_its_secret_shown_once__EVT_1(console: Console) -> None:
    path = "/settings/webhooks"
    shown = posted(
        console.admin, path, url=NOBODY_THERE, description="Shop", which="some",
        event_type=["profile.merged", "profile.unmerged"],
    )  # fmt: skip
    assert secret_of(shown).startswith("whsec_")
    listed = console.admin.page(path)
    assert secret_of(shown) not in listed.source
    assert "2 kinds of event" in listed.text
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

    def give_up(unit: Unit) -> int:
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
    assert "Nothing is failed" in console.admin.page(path, state="failed").text
    assert "A customer was added" in console.admin.page(path, state="pending").text
    assert "A customer was added" in console.admin.page(path, state="x'; --").text  # no state: all of them
    console.admin.refused(f"{path}/replay", 422, since="ever")


# Channels -------------------------------------------------------------------------------------------------------------


def test_channels_say_where_to_send_and_what_is_checked_but_no_secret(console: Console) -> None:
    page = console.admin.page("/settings/channels")
    assert f"POST {console.served.address}/v1/channels/email" in page.text
    assert f"?inbox_id={console.inbox_id}" in page.text
    assert page.text.count("signature is not checked") == 2


def test_channels_know_the_address_that_others_use(served: Served) -> None:
    console = Console(served)
    secrets = {"twilio_auth_token": "tw1l10-t0ken", "meta_app_secret": "m3ta-s3cret"}
    with serving(served.url, public_url="http://onefold.example/", **secrets) as address:
        seat = Seat(served._replace(address=address), console.admin.agent_id, console.admin.token)
        page = seat.page("/settings/channels")
    assert "http://key:<API key>@onefold.example/v1/channels/twilio" in page.text
    assert page.text.count("signature is checked") == 2
    assert not any(secret in page.source for secret in secrets.values())
