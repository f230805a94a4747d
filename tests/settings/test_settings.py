"""Settings that look back over the base: RES-7, RES-9, PRO-12."""

from __future__ import annotations

import pytest

from onefold.contact_points.phones import line_type
from onefold.core.errors import Conflict, InvalidValue, NotFound
from onefold.jobs.worker import run_jobs
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.runs import service as runs
from onefold.runs.store import list_runs, read_run
from onefold.settings import blocklist, matching_mode, mobile_identification
from onefold.settings import service as settings
from tests.conftest import Base
from tests.dsl.words import COMMAND, do, holders, receive, rows, show

MOBILE, OTHER_MOBILE, LANDLINE, AMBIGUOUS = "+447911123456", "+447911123457", "+442079460000", "+14155552671"


def with_phone(base: Base, number: str, phone_type: str) -> str:
    point = PointInput("phone", number, phone_type=phone_type)  # type: ignore[arg-type]
    return do(base, lambda unit: profiles.create(unit, name="X", points=[point])).id


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("undo_days", -5),
        ("session_idle_minutes", 4),
        ("session_idle_minutes", 721),
        ("undo_days", 3_651),
        ("undo_days", True),
        ("undo_days", "7"),
        ("shared_limit", 0),
        ("shared_limit", 1_001),
        ("default_region", "XX"),
        ("default_inbox_id", "nowhere"),
        ("merge_policies", {"colour": "rule"}),
        ("match_weights", {"email": (0, 2)}),
    ],
)
def test_a_setting_out_of_its_bounds_is_refused_whoever_asks(base: Base, setting: str, value: object) -> None:
    with pytest.raises(InvalidValue) as refused:
        do(base, lambda unit: settings.change(unit, {setting: value}, COMMAND), exclusive=True)  # type: ignore[misc]
    assert refused.value.field == setting


@pytest.mark.parametrize(("setting", "value"), [("undo_days", 0), ("undo_days", 3_650), ("shared_limit", 1_000)])
def test_its_bounds_are_within(base: Base, setting: str, value: int) -> None:
    do(base, lambda unit: settings.change(unit, {setting: value}, COMMAND), exclusive=True)  # type: ignore[misc]
    with base.database.read(base.organization_id) as unit:
        assert getattr(settings.read(unit), setting) == value


def switch_on(base: Base) -> None:
    do(base, lambda unit: settings.change(unit, {"mobile_identification": True}, COMMAND), exclusive=True)


def the_run(base: Base):  # type: ignore[no-untyped-def]
    with base.database.read(base.organization_id) as unit:
        return list_runs(unit)[0]


def test_switching_on_finds_the_mobiles_that_one_holds_as_other__RES_7(base: Base) -> None:
    alone = with_phone(base, MOBILE, "other")
    beside = with_phone(base, OTHER_MOBILE, "other")
    with_phone(base, OTHER_MOBILE, "home")
    two = [with_phone(base, "+447911123458", "other") for _ in range(2)]
    home = with_phone(base, "+447911123459", "home")
    landline, ambiguous = with_phone(base, LANDLINE, "other"), with_phone(base, AMBIGUOUS, "other")
    switch_on(base)
    while run_jobs(base.database):
        pass
    run = the_run(base)
    assert (run.state, run.done, run.total) == ("finished", 5, 5)
    assert run.counts == {"checked": 5, "mobile": 3, "changed": 2}
    mobiles = rows(base, "SELECT profile_id FROM contact_points WHERE phone_type = 'mobile' AND identifying")
    assert {str(row.profile_id) for row in mobiles} == {alone, beside}
    assert not {*two, home, landline, ambiguous} & {str(row.profile_id) for row in mobiles}
    assert receive(base, "voice", phone=MOBILE).profile_id == alone


def test_the_preview_counts_and_changes_nothing__RES_7(base: Base) -> None:
    with_phone(base, MOBILE, "other")
    run = do(base, mobile_identification.start_preview)
    while run_jobs(base.database):
        pass
    assert the_run(base).counts == {"checked": 1, "mobile": 1, "changed": 1}
    assert run.id == the_run(base).id
    assert set(holders(base, "phone", MOBILE).values()) == {"other"}


def test_a_run_can_be_stopped_and_resumed__RES_7(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobile_identification, "_CHUNK", 2)
    numbers = [f"+44791112{n:04d}" for n in range(5)]
    for number in numbers:
        with_phone(base, number, "other")
    switch_on(base)
    run_id = the_run(base).id
    do(base, lambda unit: mobile_identification.advance(unit, run_id, line_type), exclusive=True)
    do(base, lambda unit: runs.stop(unit, run_id, COMMAND))
    assert not run_jobs(base.database)
    stopped = the_run(base)
    assert (stopped.state, stopped.done) == ("stopped", 2)
    do(base, lambda unit: runs.resume(unit, run_id, COMMAND))
    while run_jobs(base.database):
        pass
    assert (the_run(base).state, the_run(base).done) == ("finished", 5)
    assert all(set(holders(base, "phone", number).values()) == {"mobile"} for number in numbers)


def test_switching_off_never_unmarks_a_number__RES_7(base: Base) -> None:
    profile_id = with_phone(base, MOBILE, "other")
    switch_on(base)
    while run_jobs(base.database):
        pass
    do(base, lambda unit: settings.change(unit, {"mobile_identification": False}, COMMAND), exclusive=True)
    assert holders(base, "phone", MOBILE) == {profile_id: "mobile"}


def test_a_run_that_is_not_there_or_not_running_says_so__RES_7(base: Base) -> None:
    with pytest.raises(NotFound):
        do(base, lambda unit: read_run(unit, "nonsense"))
    run = do(base, mobile_identification.start_preview)
    with pytest.raises(Conflict, match="under way"):
        do(base, mobile_identification.start_preview)
    with pytest.raises(Conflict, match="running, not stopped"):
        do(base, lambda unit: runs.resume(unit, run.id, COMMAND))


def test_only_what_was_contacted_goes_on_opening__RES_9(base: Base) -> None:
    contacted = receive(base, "email", email="ada@example.com").profile_id
    do(base, lambda unit: profiles.create(unit, name="B", points=[PointInput("email", "bob@example.com")]))
    with base.database.read(base.organization_id) as unit:
        preview = matching_mode.preview(unit, "contacted")
    assert (preview.changes, preview.obstacles) == (1, [])
    do(base, lambda unit: settings.change(unit, {"matching_mode": "contacted"}, COMMAND), exclusive=True)
    assert receive(base, "email", email="ada@example.com").profile_id == contacted
    assert receive(base, "email", email="bob@example.com").outcome == "created"


def test_switching_back_is_refused_while_values_are_shared__RES_9(base: Base) -> None:
    do(base, lambda unit: settings.change(unit, {"matching_mode": "contacted"}, COMMAND), exclusive=True)
    one, other = (
        do(base, lambda unit: profiles.create(unit, name="B", points=[PointInput("email", "bob@example.com")])).id
        for _ in range(2)
    )
    blocked = [PointInput("email", "test@test.com")]
    for _ in range(2):
        do(base, lambda unit: profiles.create(unit, name="C", points=blocked))
    with base.database.read(base.organization_id) as unit:
        preview = matching_mode.preview(unit, "listed")
    assert [(o.kind, o.value, set(o.profile_ids)) for o in preview.obstacles] == [
        ("email", "bob@example.com", {one, other})
    ]
    with pytest.raises(Conflict) as refusal:
        do(base, lambda unit: settings.change(unit, {"matching_mode": "listed"}, COMMAND), exclusive=True)
    assert refusal.value.facts["profile_ids"] == [list(preview.obstacles[0].profile_ids)]
    point = next(p for p in show(base, other).points)
    do(base, lambda unit: profiles.remove_point(unit, other, point.contact_point_id, None))
    do(base, lambda unit: settings.change(unit, {"matching_mode": "listed"}, COMMAND), exclusive=True)
    assert receive(base, "email", email="bob@example.com").profile_id == one
    assert receive(base, "email", email="test@test.com").outcome == "created"


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("bob@example.com", "bob@example.com"),
        ("bob@*", "bob@example.com"),
        ("*@EXAMPLE.com", "bob@example.com"),
        ("*@exämple.com", "bob@xn--exmple-cua.com"),
    ],
)
def test_a_blocked_value_opens_nothing_and_an_unblocked_one_again__PRO_12(base: Base, entry: str, value: str) -> None:
    profile_id = receive(base, "email", email=value).profile_id
    do(base, lambda unit: blocklist.block(unit, "email", entry, COMMAND), exclusive=True)
    assert receive(base, "email", email=value).outcome == "created"
    assert show(base, profile_id).points[0].value == value
    do(base, lambda unit: blocklist.unblock(unit, "email", entry, COMMAND), exclusive=True)
    landed = receive(base, "email", email=value)
    # Two profiles hold it by now, so it opens neither: a third does, with suggestions.
    assert landed.outcome == "created"


def test_a_value_unblocked_while_one_profile_holds_it_opens_that_one__PRO_12(base: Base) -> None:
    profile_id = receive(base, "sms", phone=MOBILE).profile_id
    do(
        base,
        lambda unit: blocklist.block(unit, "phone", "07911 123456 ".strip().replace("07911", "+447911"), COMMAND),
        exclusive=True,
    )
    do(base, lambda unit: blocklist.unblock(unit, "phone", MOBILE, COMMAND), exclusive=True)
    assert receive(base, "sms", phone=MOBILE).profile_id == profile_id


def test_other_processes_learn_of_a_change_at_their_next_contact__PRO_12(base: Base) -> None:
    from onefold.receiving.service import Receiver
    from tests.dsl.cases import contact

    elsewhere = Receiver(base.database)
    elsewhere.receive(base.organization_id, [contact("email", email="ada@example.com")])
    do(base, lambda unit: blocklist.block(unit, "email", "shop@example.com", COMMAND), exclusive=True)
    for _ in range(2):
        elsewhere.receive(base.organization_id, [contact("email", email="shop@example.com")])
    assert len(holders(base, "email", "shop@example.com")) == 2


def test_an_entry_that_takes_identity_from_many_is_typed_again__PRO_12(base: Base) -> None:
    for n in range(21):
        receive(base, "email", email=f"ada{n}@gmail.com")
    with base.database.read(base.organization_id) as unit:
        planned = blocklist.preview(unit, "email", "*@gmail.com")
    assert (planned.contact_points, planned.profiles, planned.confirm) == (21, 21, True)
    assert planned.examples == sorted(planned.examples) != []
    for confirm in (None, "", "*@gmail.co"):
        with pytest.raises(Conflict, match="type the value again") as refusal:
            do(
                base,
                lambda unit, c=confirm: blocklist.block(unit, "email", "*@gmail.com", COMMAND, c or None),
                exclusive=True,
            )
        assert refusal.value.code == "confirmation_needed"
    assert receive(base, "email", email="ada1@gmail.com").outcome == "opened"
    do(base, lambda unit: blocklist.block(unit, "email", "*@gmail.com", COMMAND, "*@GMAIL.com"), exclusive=True)
    assert receive(base, "email", email="ada1@gmail.com").outcome == "created"


def test_a_placeholder_joins_nobody_in_either_mode__PRO_12(base: Base) -> None:
    for mode in ("contacted", "listed"):
        do(base, lambda unit, mode=mode: settings.change(unit, {"matching_mode": mode}, COMMAND), exclusive=True)
        for sender in ({"visitor": "null"}, {"customer_id": "0", "proven": True}):
            one, other = (receive(base, "chat", **sender).profile_id for _ in range(2))
            assert one != other
        one, other = (receive(base, "social", network="facebook", user_id="0").profile_id for _ in range(2))
        assert one != other


def test_a_switch_of_mode_passes_over_a_placeholder_however_many_have_it__PRO_12_RES_9(base: Base) -> None:
    for _ in range(3):
        receive(base, "chat", visitor="null")
    entered = profiles_of(base, "visitor")
    do(base, lambda unit: settings.change(unit, {"matching_mode": "contacted"}, COMMAND), exclusive=True)
    receive(base, "social", network="facebook", user_id="0")
    do(base, lambda unit: settings.change(unit, {"matching_mode": "listed"}, COMMAND), exclusive=True)
    assert rows(base, "SELECT count(*) FROM contact_points WHERE identifying") == [(0,)]
    assert profiles_of(base, "visitor") == entered


def profiles_of(base: Base, kind: str) -> int:
    """How many contact points of a kind there are."""
    return int(rows(base, f"SELECT count(*) FROM contact_points WHERE kind = '{kind}'")[0][0])
