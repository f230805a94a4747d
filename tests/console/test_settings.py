"""Settings: what an admin changes, what asks twice, and what is shown once (RES-7, RES-9, MRG-4, SUG-6, PRO-12)."""

from __future__ import annotations

import time
from collections.abc import Callable

import phonenumbers

from onefold.accounts import service as accounts
from onefold.accounts import store
from onefold.console.regions import regions
from onefold.console.settings_labels import EVENTS, FEATURES, POLICY_FIELDS, SCOPES
from onefold.console.settings_page import TABS
from onefold.database.engine import UnitOfWork
from onefold.organizations.match_weights import DEFAULT_WEIGHTS
from onefold.organizations.merge_policies import ASK, BY_RULE
from onefold.organizations.store import mark_runs
from onefold.profiles.service import PointInput
from onefold.runs import service as runs
from onefold.runs import store as run_store
from onefold.runs.store import RunRow
from onefold.settings import mobile_identification
from onefold.settings import service as settings
from onefold.settings.service import SettingsView
from onefold.webhooks.rules import EVENT_TYPES
from tests.api.conftest import Served, serving
from tests.console.conftest import Console, Html, Seat
from tests.dsl import words

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


def test_the_settings_are_the_admins_alone(console: Console) -> None:
    for path, label in TABS:
        assert label in [link.text for link in console.admin.page(path).all("a", href=path, aria_current="page")]
        assert console.agent.page(path, 403).one("main").text == console.lead.page(path, 403).one("main").text
        assert console.nobody.get(path).headers["location"].startswith("/sign-in")


def test_the_words_say_everything_there_is() -> None:
    assert set(FEATURES) == set(DEFAULT_WEIGHTS)
    assert set(POLICY_FIELDS) == set(BY_RULE)
    assert set(SCOPES) == set(accounts.SCOPES)
    assert set(EVENTS) == set(EVENT_TYPES)


def test_every_region_has_a_name_and_its_calling_code() -> None:
    names = dict(regions())
    assert set(names) == set(phonenumbers.SUPPORTED_REGIONS)
    assert names["DE"] == "Germany (+49)"


# The organization -----------------------------------------------------------------------------------------------------


def test_the_organization_is_changed_as_a_whole_or_not_at_all(console: Console) -> None:
    given = {
        "name": "Kite & Co.",
        "default_region": "DE",
        "default_inbox_id": console.inbox_id,
        "undo_days": 0,
        "shared_limit": 1000,
    }
    assert console.admin.sent("/settings", **given) == ("/settings", "saved")
    now = set_up(console)
    assert {name: getattr(now, name) for name in given} == given
    for wrong in (
        {"undo_days": 3651},
        {"undo_days": "-1"},
        {"undo_days": ""},
        {"shared_limit": 0},
        {"default_region": "XX"},
        {"name": " "},
        {"default_inbox_id": "nowhere"},
    ):
        console.admin.refused("/settings", 422, **{**given, "name": "Other", **wrong})
    assert set_up(console) == now


# Matching -------------------------------------------------------------------------------------------------------------


def shared_by(console: Console, *names: str) -> list[str]:
    """Customers who list one email, which they may in the mode `contacted`."""
    words.do(
        console.base, lambda unit: settings.change(unit, {"matching_mode": "contacted"}, words.COMMAND), exclusive=True
    )
    return [console.customer(name, PointInput("email", EVERYBODYS)) for name in names]


def test_a_switch_is_previewed_with_what_stands_in_its_way__RES_9(console: Console) -> None:
    ada, bob = shared_by(console, "Ada", "Bob")
    preview = console.admin.page("/settings/matching", preview="listed")
    assert "1 conflict to resolve" in preview.text
    assert EVERYBODYS in preview.text
    assert {f"/customers/{ada}", f"/customers/{bob}", f"/customers/{ada}/merge/{bob}"} <= preview.links
    assert [form for form in preview.all("form") if form.attributes.get("action") == "/settings/matching/mode"] == []

    refused = console.admin.refused("/settings/matching/mode", 409, mode="listed")
    assert "Nothing was switched" in refused.text
    assert f"/customers/{ada}/merge/{bob}" in refused.links
    assert set_up(console).matching_mode == "contacted"


def test_a_switch_nothing_stands_in_the_way_of_is_made__RES_9(console: Console) -> None:
    shared_by(console, "Ada", "Bob")
    there = console.admin.sent("/settings/blocklist", kind="email", value=EVERYBODYS, then="preview")
    assert there == ("/settings/matching", "blocked")
    assert "No conflicts." in console.admin.page("/settings/matching", preview="listed").text
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
    def asleep(unit: UnitOfWork) -> str:
        run = mobile_identification.start_preview(unit)
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


# Whose mail -----------------------------------------------------------------------------------------------------------


def test_an_own_address_is_tried_on_the_last_mails_then_added_and_removed__RES_18(console: Console) -> None:
    path, given = "/settings/mail", {"change": "add-own", "address": "Shop.Example"}
    words.receive(console.base, "email", email="help@shop.example", subject="An own mail")
    page = Html(console.admin.post(f"{path}/preview", data=given).text)
    assert "Of the last 1 email, 1 email would be filed differently" in page.one("main").text
    assert "nobody: the thread it answers, or set aside" in page.one("table").text
    assert "*@shop.example" not in console.admin.page(path).one("main").text
    assert console.admin.sent(path, **given) == (path, "saved")
    assert [item.text for item in console.admin.page(path).all("li") if "*@shop.example" in item.text] == [
        "*@shop.example Remove …"
    ]
    assert console.admin.sent(path, change="remove-own", address="*@shop.example") == (path, "saved")
    assert "No own addresses yet" in console.admin.page(path).one("main").text


def test_an_address_that_sends_for_others_is_added_and_removed__RES_18(console: Console) -> None:
    path = "/settings/mail"
    given = {"address": "forms@shop.example", "customer_in": "body", "line": "Email: *", "proven": ""}
    assert console.admin.sent(path, change="add-relay", **given) == (path, "saved")
    assert "In a line of the text: “Email: *” · not confirmed" in console.admin.page(path).one("main").text
    assert console.admin.sent(path, change="remove-relay", **given) == (path, "saved")
    assert "None yet" in console.admin.page(path).one("main").text
    console.admin.refused(path, 422, change="add-relay", **{**given, "line": "Email:"})
    console.admin.refused(path, 422, change="add-relay", **{**given, "customer_in": "elsewhere"})
    console.admin.refused(path, 422, change="add-own", address="nonsense")
    console.admin.refused(path, 422, change="add-own", address=" ")
    console.admin.refused(path, 422, change="else", **given)


# The blocklist --------------------------------------------------------------------------------------------------------


def test_a_value_is_blocked_and_taken_off__PRO_12(console: Console) -> None:
    path = "/settings/blocklist"
    ada = console.customer("Ada", PointInput("email", EVERYBODYS))
    assert console.admin.sent(path, kind="email", value=f" {EVERYBODYS.upper()} ") == (path, "blocked")
    assert not words.point_of(console.base, ada, EVERYBODYS).identifying
    console.admin.refused(path, 409, kind="email", value=EVERYBODYS)
    console.admin.refused(path, 422, kind="fax", value="x")
    console.admin.refused(path, 422, kind="email", value=" ")
    assert console.admin.sent(f"{path}/remove", kind="email", value=EVERYBODYS) == (path, "unblocked")
    assert words.point_of(console.base, ada, EVERYBODYS).identifying
    console.admin.refused(f"{path}/remove", 404, kind="email", value=EVERYBODYS)


def test_what_very_many_share_can_be_blocked_with_one_click__SUG_6_PRO_12(console: Console) -> None:
    path = "/settings/blocklist"
    words.do(console.base, lambda unit: settings.change(unit, {"shared_limit": 2}, words.COMMAND), exclusive=True)
    for name in ("Ada", "Bob", "Cyd"):
        console.customer(name, PointInput("phone", "+442079460018", phone_type="office"))
    assert console.admin.page(path).one("section", id="candidates")["hx-get"] == f"{path}?candidates=true"
    part = console.admin.get(f"{path}?candidates=true", headers={"HX-Request": "true"}).text
    page = console.admin.page(path, candidates="true")
    assert Html(part).one("section", id="candidates").text == page.one("section", id="candidates").text
    row = next(row for row in page.all("tr") if "+44 20 7946 0018" in row.text)
    assert "3 customers" in row.text
    assert page.one("button", aria_label="Block +44 20 7946 0018").text == "Block it"
    assert console.admin.sent(path, kind="phone", value="+442079460018") == (path, "blocked")
    assert "No values are shared that widely" in console.admin.page(path, candidates="true").text


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


# Channels -------------------------------------------------------------------------------------------------------------


def test_channels_say_where_to_send_and_what_is_checked_but_no_secret(console: Console) -> None:
    page = console.admin.page("/settings/channels")
    assert f"POST {console.served.address}/v1/channels/email" in page.text
    assert f"?inbox_id={console.inbox_id}" in page.text
    assert page.text.count("signature is not checked") == 2


def test_channels_that_are_refused_for_want_of_a_secret_say_so(served: Served) -> None:
    console = Console(served)
    with serving(served.url, unsigned_webhooks=False) as address:
        seat = Seat(served._replace(address=address), console.admin.agent_id, console.admin.token)
        page = seat.page("/settings/channels")
    assert page.text.count("every request is refused") == 2
    assert page.text.count("Nothing is accepted before") == 2
    assert "signature is not checked" not in page.text


def test_channels_know_the_address_that_others_use(served: Served) -> None:
    console = Console(served)
    secrets = {"twilio_auth_token": "tw1l10-t0ken", "meta_app_secret": "m3ta-s3cret"}
    with serving(served.url, public_url="http://onefold.example/", **secrets) as address:
        seat = Seat(served._replace(address=address), console.admin.agent_id, console.admin.token)
        page = seat.page("/settings/channels")
    assert "http://key:<API key>@onefold.example/v1/channels/twilio" in page.text
    assert page.text.count("signature is checked") == 2
    assert not any(secret in page.source for secret in secrets.values())
