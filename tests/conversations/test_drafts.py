"""Drafts: each its author's own, kept through every merge of the profile, sent once (MRG-9)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from onefold.accounts import service as accounts
from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations.draft_store import DraftRow
from onefold.conversations.drafts import Composed
from onefold.conversations.service import Written
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, DomainError, InvalidValue, NotFound
from onefold.database.engine import UnitOfWork
from onefold.merging import service as merging
from onefold.merging.service import MergeRequest
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from tests.conftest import Base
from tests.dsl.words import COMMAND, do, merge, point_of, receive, rows, show, undo
from tests.invariants import check_base

T = TypeVar("T")
NOTE = Composed("note", "Call back on")


def agent(base: Base, name: str = "mara") -> str:
    return do(base, lambda unit: accounts.add_agent(unit, f"{name}@kite.example", name, "agent", COMMAND).id)


def profile(base: Base, *points: PointInput) -> str:
    return do(base, lambda unit: profiles.create(unit, name="Ada", points=points).id)


def draft(base: Base, profile_id: str, author: str, composed: Composed = NOTE) -> DraftRow:
    return do(base, lambda unit: drafts.create(unit, profile_id, author, composed))


def save(base: Base, draft_id: str, author: str, composed: Composed) -> DraftRow:
    return do(base, lambda unit: drafts.save(unit, draft_id, author, composed))


def seen(base: Base, author: str, profile_id: str | None = None) -> list[str]:
    """The bodies of the author's drafts, newest first."""
    with base.database.read(base.organization_id) as unit:
        draft_rows = (
            drafts.of_author(unit, author, None, 50)
            if profile_id is None
            else drafts.of_profile(unit, profile_id, author, None, 50)
        )
    return [row.body for row in draft_rows]


# Whose they are


def test_a_draft_is_saved_again_and_again_and_thrown_away(base: Base) -> None:
    mara, ada = agent(base), profile(base)
    begun = draft(base, ada, mara)
    saved = save(base, begun.id, mara, Composed("email", "Dear Ada", "Your order"))
    assert (saved.kind, saved.subject, saved.body, saved.created_at) == (
        "email",
        "Your order",
        "Dear Ada",
        begun.created_at,
    )
    assert saved.updated_at > begun.updated_at
    with base.database.read(base.organization_id) as unit:
        assert drafts.read(unit, begun.id, mara) == saved
    do(base, lambda unit: drafts.delete(unit, begun.id, mara))
    assert seen(base, mara) == []


def test_each_sees_their_own_on_one_profile_or_on_all(base: Base) -> None:
    mara, nils, ada, bob = agent(base), agent(base, "nils"), profile(base), profile(base)
    for author, on, body in ((mara, ada, "1"), (mara, bob, "2"), (nils, ada, "3"), (mara, ada, "4")):
        draft(base, on, author, Composed("note", body))
    assert seen(base, mara) == ["4", "2", "1"]
    assert seen(base, mara, ada) == ["4", "1"]
    assert seen(base, nils, ada) == ["3"]
    assert seen(base, nils, bob) == []


def test_somebody_elses_draft_is_not_there(base: Base) -> None:
    mara, nils = agent(base), agent(base, "nils")
    theirs = draft(base, profile(base), mara)
    uses: list[Callable[[UnitOfWork], object]] = [
        lambda unit: drafts.read(unit, theirs.id, nils),
        lambda unit: drafts.save(unit, theirs.id, nils, NOTE),
        lambda unit: drafts.delete(unit, theirs.id, nils),
        lambda unit: drafts.send(unit, theirs.id, nils),
        lambda unit: drafts.read(unit, new_id(), nils),
        lambda unit: drafts.read(unit, "x", nils),
    ]
    for use in uses:
        with pytest.raises(NotFound) as refusal:
            do(base, use)
        assert refusal.value.code == "draft_not_found"
    assert seen(base, mara) == ["Call back on"]


def test_a_draft_needs_an_author_who_is_one(base: Base) -> None:
    ada = profile(base)
    with pytest.raises(InvalidValue, match="agent_id"):
        do(base, lambda unit: drafts.create(unit, ada, None, NOTE))
    with pytest.raises(NotFound, match="agent"):
        do(base, lambda unit: drafts.create(unit, ada, new_id(), NOTE))


def test_a_contact_point_that_is_chosen_must_be_the_profiles(base: Base) -> None:
    mara, ada = agent(base), profile(base, PointInput("email", "ada@example.org"))
    bob = profile(base, PointInput("email", "bob@example.org"))
    other_point, own_point = (show(base, p).points[0].contact_point_id for p in (bob, ada))
    begun = draft(base, ada, mara, Composed("email", "x", contact_point_id=own_point))
    for wrong in (other_point, new_id(), "x"):
        with pytest.raises(NotFound, match="contact point"):
            draft(base, ada, mara, Composed("email", "x", contact_point_id=wrong))
        with pytest.raises(NotFound, match="contact point"):
            save(base, begun.id, mara, Composed("email", "y", contact_point_id=wrong))
    assert seen(base, mara) == ["x"]


def test_neither_other_systems_nor_a_merge_being_confirmed_hear_of_drafts__MRG_12(base: Base) -> None:
    mara, ada = agent(base), profile(base)
    event_count, version = len(rows(base, "SELECT seq FROM outbox")), show(base, ada).row.version
    save(base, draft(base, ada, mara).id, mara, NOTE)
    assert len(rows(base, "SELECT seq FROM outbox")) == event_count
    assert show(base, ada).row.version == version


# Merges meanwhile


def test_a_draft_goes_with_its_profile_and_stays_editable__MRG_9(base: Base) -> None:
    mara, gone, stays = agent(base), profile(base), profile(base)
    begun = draft(base, gone, mara)
    merge(base, gone, stays)
    assert save(base, begun.id, mara, Composed("note", "Call back on Monday")).profile_id == stays
    assert seen(base, mara, stays) == ["Call back on Monday"]
    assert seen(base, mara, gone) == ["Call back on Monday"]  # an id that was merged away answers (EVT-2)
    check_base(base.database, base.organization_id)


def test_a_draft_begun_on_a_profile_merged_away_is_on_the_survivor__EVT_2(base: Base) -> None:
    mara, gone, stays = agent(base), profile(base), profile(base)
    merge(base, gone, stays)
    assert draft(base, gone, mara).profile_id == stays
    check_base(base.database, base.organization_id)


def meanwhile(base: Base, first: Callable[[UnitOfWork], object], second: Callable[[], T]) -> T:
    """What `second` returns that is begun while the unit of `first` has done its work and is not committed yet."""
    with ThreadPoolExecutor(1) as aside:
        with base.database.write(base.organization_id) as unit:
            first(unit)
            begun: Future[T] = aside.submit(second)
            time.sleep(0.3)  # long enough to meet the locks; the outcome is the same if it did not
        return begun.result(20)


def moving(source: str, destination: str) -> Callable[[UnitOfWork], object]:
    """A merge, inside somebody's unit."""
    return lambda unit: merging.merge(unit, MergeRequest(source, destination), COMMAND)


def test_what_is_typed_while_somebody_merges_is_kept_and_moved__MRG_9(base: Base) -> None:
    mara, gone, stays = agent(base), profile(base), profile(base)
    begun = draft(base, gone, mara)
    saved = meanwhile(base, moving(gone, stays), lambda: save(base, begun.id, mara, Composed("note", "typed")))
    assert (saved.profile_id, saved.body) == (stays, "typed")
    assert seen(base, mara, stays) == ["typed"]


def test_a_merge_while_a_draft_is_being_saved_moves_what_was_typed__MRG_9(base: Base) -> None:
    mara, gone, stays = agent(base), profile(base), profile(base)
    begun = draft(base, gone, mara)
    meanwhile(
        base,
        lambda unit: drafts.save(unit, begun.id, mara, Composed("note", "typed")),
        lambda: do(base, moving(gone, stays)),
    )
    assert seen(base, mara, stays) == ["typed"]


def test_a_draft_begun_while_somebody_merges_is_on_the_survivor__MRG_9(base: Base) -> None:
    mara, gone, stays = agent(base), profile(base), profile(base)
    assert meanwhile(base, moving(gone, stays), lambda: draft(base, gone, mara)).profile_id == stays
    check_base(base.database, base.organization_id)


def test_a_merge_waits_for_a_draft_being_begun_and_takes_it_along__MRG_9(base: Base) -> None:
    mara, gone, stays = agent(base), profile(base), profile(base)
    meanwhile(base, lambda unit: drafts.create(unit, gone, mara, NOTE), lambda: do(base, moving(gone, stays)))
    assert seen(base, mara, stays) == ["Call back on"]
    check_base(base.database, base.organization_id)


def test_drafts_wait_for_no_contact_and_no_edit(base: Base) -> None:
    if base.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    mara, ada = agent(base), profile(base)
    begun = draft(base, ada, mara)
    with base.database.write(base.organization_id) as unit, ThreadPoolExecutor(1) as aside:
        unit.lock_profiles([ada], against_edits=True)  # as an edit does, or a contact that brings something new
        aside.submit(draft, base, ada, mara, NOTE).result(5)
        aside.submit(save, base, begun.id, mara, NOTE).result(5)
    assert len(seen(base, mara)) == 2


def test_a_contact_point_that_a_merge_made_one_with_another_is_still_where_it_goes__MRG_9(base: Base) -> None:
    mara, stays = agent(base), profile(base, PointInput("email", "ada@example.org"))
    kept_point = show(base, stays).points[0].contact_point_id
    absorbed = new_id()

    def absorb(unit: UnitOfWork) -> None:
        given = {"org": base.organization_id, "id": absorbed, "by": kept_point}
        unit.execute(
            sa.text("INSERT INTO absorbed_points (organization_id, id, contact_point_id) VALUES (:org, :id, :by)"),
            given,
        )

    do(base, absorb)
    begun = draft(base, stays, mara, Composed("email", "x", contact_point_id=absorbed))
    assert do(base, lambda unit: drafts.send(unit, begun.id, mara)).contact_point_id == kept_point


def test_a_draft_whose_contact_point_was_taken_away_can_be_saved_and_says_so_when_sent__MRG_9(base: Base) -> None:
    mara, ada = agent(base), profile(base, PointInput("email", "a@example.org"), PointInput("email", "b@example.org"))
    point = show(base, ada).points[0].contact_point_id
    composed = Composed("email", "x", contact_point_id=point)
    begun = draft(base, ada, mara, composed)
    do(base, lambda unit: profiles.remove_point(unit, ada, point, None))
    save(base, begun.id, mara, composed._replace(body="typed on"))
    with pytest.raises(Conflict, match="Choose where it goes"):
        do(base, lambda unit: drafts.send(unit, begun.id, mara))
    assert seen(base, mara) == ["typed on"]
    assert do(base, lambda unit: drafts.read(unit, begun.id, mara)).contact_point_id is None


MOBILE = PointInput("phone", "+447911123456", phone_type="home")


def test_a_draft_follows_its_contact_point_into_the_one_it_became_and_back__MRG_9_SND_3(base: Base) -> None:
    """Both hold one number, the destination another one before it: what is sent goes where it was written to."""
    mara = agent(base)
    ada = profile(base, MOBILE)
    bob = profile(base, PointInput("phone", "+447911000001", phone_type="home"), MOBILE)
    own, same = (point_of(base, one, MOBILE.value).contact_point_id for one in (ada, bob))
    begun = draft(base, ada, mara, Composed("whatsapp", "x", contact_point_id=own))
    merged = merge(base, ada, bob)
    assert do(base, lambda unit: drafts.read(unit, begun.id, mara)).contact_point_id == same
    save(base, begun.id, mara, Composed("whatsapp", "typed on", contact_point_id=same))
    undo(base, merged.id)
    assert do(base, lambda unit: drafts.read(unit, begun.id, mara)).contact_point_id == own
    assert do(base, lambda unit: drafts.send(unit, begun.id, mara)).contact_point_id == own


# Sending


@pytest.mark.parametrize("kind", ["note", "task"])
def test_a_note_or_a_task_that_is_sent_is_on_the_timeline_and_no_draft__UI_1(base: Base, kind: Any) -> None:
    mara, ada = agent(base), profile(base)
    begun = draft(base, ada, mara, Composed(kind, "Call back on Monday", "Order 7"))
    item = do(base, lambda unit: drafts.send(unit, begun.id, mara))
    assert (item.kind, item.body, item.subject, item.agent_id) == (kind, "Call back on Monday", "Order 7", mara)
    assert (item.direction, item.channel, item.contact_point_id) == (None, None, None)
    assert seen(base, mara) == []
    events = rows(base, "SELECT type FROM outbox ORDER BY seq DESC")
    assert events[0].type == f"{kind}.written"


def test_a_message_goes_to_the_contact_point_that_was_chosen(base: Base) -> None:
    mara, ada = agent(base), receive(base, "sms", phone="+12025550123").profile_id
    point = show(base, ada).points[0].contact_point_id
    begun = draft(base, ada, mara, Composed("sms", "Hello", contact_point_id=point))
    item = do(base, lambda unit: drafts.send(unit, begun.id, mara))
    assert (item.kind, item.direction, item.channel, item.contact_point_id) == ("message", "out", "sms", point)


def test_what_cannot_be_sent_stays_a_draft__PRO_11(base: Base) -> None:
    mara, ada = agent(base), profile(base, PointInput("phone", "+12025550123", phone_type="mobile"))
    point = show(base, ada).points[0].contact_point_id
    to_a_phone_without_sms = draft(base, ada, mara, Composed("sms", "Hello", contact_point_id=point))
    to_nobody = draft(base, ada, mara, Composed("email", "Hello"))
    by_the_wrong_way = draft(base, ada, mara, Composed("email", "Hello", contact_point_id=point))
    for unsendable, error in (
        (to_a_phone_without_sms, DomainError),
        (to_nobody, Conflict),
        (by_the_wrong_way, InvalidValue),
    ):
        with pytest.raises(error):
            do(base, lambda unit, row=unsendable: drafts.send(unit, row.id, mara))  # type: ignore[misc]
    assert len(seen(base, mara)) == 3


def test_a_draft_is_sent_once_however_many_send_it(base: Base) -> None:
    mara, ada = agent(base), profile(base)
    begun = draft(base, ada, mara)

    def send() -> bool:
        try:
            do(base, lambda unit: drafts.send(unit, begun.id, mara))
        except NotFound:
            return False
        return True

    with ThreadPoolExecutor(6) as aside:
        sent = [f.result() for f in [aside.submit(send) for _ in range(6)]]
    assert sum(sent) == 1
    assert len(rows(base, "SELECT seq FROM items")) == 1


def test_a_draft_is_sent_to_the_survivor_while_somebody_merges__MRG_9(base: Base) -> None:
    mara, gone, stays = agent(base), profile(base), profile(base)
    begun = draft(base, gone, mara)
    item = meanwhile(base, moving(gone, stays), lambda: do(base, lambda unit: drafts.send(unit, begun.id, mara)))
    assert item.profile_id == stays


def test_a_task_can_be_written_directly_but_not_on_a_channel(base: Base) -> None:
    mara, ada = agent(base), profile(base, PointInput("email", "ada@example.org"))
    item = do(base, lambda unit: conversations.write(unit, ada, Written("Call back", kind="task"), mara))
    assert (item.kind, item.body) == ("task", "Call back")
    point = show(base, ada).points[0].contact_point_id
    with pytest.raises(InvalidValue, match="task"):
        do(base, lambda unit: conversations.write(unit, ada, Written("x", "email", point, kind="task"), mara))


def test_times_are_the_services_own(base: Base) -> None:
    begun = utc_now()
    draft_row = draft(base, profile(base), agent(base))
    assert begun <= draft_row.created_at == draft_row.updated_at <= utc_now()
