"""A number that was silent for long and writes under another name may have a new owner (RES-21)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations.drafts import Composed
from onefold.core.errors import Conflict, NotFound
from onefold.merging import new_owner
from onefold.merging.new_owner import Given, NewOwner
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Answer, Further, ListedPhone
from onefold.settings import service as settings
from tests.conftest import Base
from tests.dsl.words import (
    COMMAND,
    add_draft,
    agent,
    do,
    edit,
    events,
    list_point,
    merge,
    point_of,
    profile,
    receive,
    rows,
    said,
    set_conversation,
    show,
    suggested,
)
from tests.invariants import check_base

NUMBER = "+447911123456"
NOW = datetime.now(UTC)


def says(base: Base, name: str | None, text: str, days_ago: float) -> Answer:
    """A message from the number, so many days ago."""
    return receive(base, "whatsapp", phone=NUMBER, name=name, body=text, occurred_at=NOW - timedelta(days_ago))


def ada_then(base: Base, name: str | None, days: float = 200) -> str:
    """Ada's number, which was silent for so long and has just written under a name; returns her profile."""
    ada = says(base, "Ada Hart", "hello", days).profile_id
    edit(base, ada, name="Ada Hart")
    says(base, name, "who are you?", 0)
    return ada


def find(base: Base, profile_id: str) -> NewOwner | None:
    return do(base, lambda unit: new_owner.find(unit, profile_id))


def give(base: Base, profile_id: str, point_id: str, version: int | None = None) -> Given:
    return do(base, lambda unit: new_owner.give(unit, profile_id, point_id, version, COMMAND))


def test_after_a_long_silence_another_name_is_a_warning(base: Base) -> None:
    ada = ada_then(base, "Zoe Lang")
    owner = find(base, ada)
    assert owner is not None
    assert (owner.value, owner.name) == (NUMBER, "Zoe Lang")
    assert owner.silent_since is not None
    assert NOW - owner.silent_since == timedelta(200)
    assert said(base, ada) == ["hello", "who are you?"]  # it opens its profile


@pytest.mark.parametrize(
    ("name", "days"),
    [("Ada", 200), ("HART, Ada", 200), (None, 200), ("Zoe", 179)],
    ids=["part of the name", "turned round", "no name", "not so long"],
)
def test_what_is_no_warning(base: Base, name: str | None, days: float) -> None:
    assert find(base, ada_then(base, name, days)) is None


def test_the_admin_sets_how_long_and_may_switch_it_off(base: Base) -> None:
    ada = ada_then(base, "Zoe", 20)
    for days, warns in ((20, True), (21, False), (0, False)):
        do(base, lambda unit, days=days: settings.change(unit, {"silent_days": days}, COMMAND), exclusive=True)
        assert (find(base, ada) is not None) == warns


def test_other_channels_make_no_number_heard_of(base: Base) -> None:
    ada = says(base, "Ada Hart", "hello", 200).profile_id
    edit(base, ada, name="Ada Hart")
    list_point(base, ada, PointInput("email", "ada@kite.example"))
    receive(base, "email", email="ada@kite.example", name="A. H.")
    says(base, "Zoe", "hi", 0)
    assert find(base, ada) is not None


def test_a_number_that_was_entered_long_ago_and_never_heard_of_is_one(base: Base) -> None:
    ada = profile(base, PointInput("phone", NUMBER, phone_type="mobile"), name="Ada")
    says(base, "Zoe", "hi", 0)
    assert find(base, ada) is None
    long_ago = (NOW - timedelta(200)).isoformat(timespec="microseconds")
    do(base, lambda unit: unit.connection.exec_driver_sql(f"UPDATE contact_points SET created_at = '{long_ago}'"))
    owner = find(base, ada)
    assert owner is not None
    assert owner.silent_since is None


def test_this_is_someone_else_gives_the_number_and_what_came_since(base: Base) -> None:
    ada = ada_then(base, "Zoe Lang")
    list_point(base, ada, PointInput("email", "ada@kite.example"))
    says(base, "Zoe Lang", "hello?", 0)
    owner = find(base, ada)
    assert owner is not None
    given = give(base, ada, owner.contact_point_id)
    zoe = show(base, given.new_profile_id)
    assert (zoe.row.name, [(p.value, p.standing, p.identifying) for p in zoe.points]) == (
        "Zoe Lang",
        [(NUMBER, "contacted", True)],
    )
    assert said(base, given.new_profile_id) == ["who are you?", "hello?"]
    assert said(base, ada) == ["hello"]
    former = point_of(base, ada, NUMBER)
    assert (former.identifying, former.current) == (False, False)
    assert says(base, "Zoe Lang", "thanks", 0).profile_id == given.new_profile_id
    assert suggested(base, ada) == {}
    assert find(base, ada) is None
    assert events(base, ada)[-1] == f"Onefold gave {NUMBER} to a new customer: it has a new owner"
    assert events(base, given.new_profile_id)[-1] == f"Onefold took {NUMBER} over from Ada Hart"
    check_base(base.database, base.organization_id)


def test_former_owners_are_no_duplicates_of_later_ones__SUG_1(base: Base) -> None:
    """A number that goes from one to the next says of the first two no more than of the last two."""
    ada = says(base, "Ada Hart", "hello", 600).profile_id
    edit(base, ada, name="Ada Hart")
    says(base, "Zoe Lang", "who are you?", 300)
    zoe = give(base, ada, point_of(base, ada, NUMBER).contact_point_id).new_profile_id
    says(base, "Kim Po", "hi", 0)
    kim = give(base, zoe, point_of(base, zoe, NUMBER).contact_point_id).new_profile_id
    assert [suggested(base, one) for one in (ada, zoe, kim)] == [{}, {}, {}]
    brought = receive(base, "email", email="x@kite.example", further=Further(phones=(ListedPhone(NUMBER, "home"),)))
    assert list(suggested(base, brought.profile_id)) == [kim]
    check_base(base.database, base.organization_id)


def test_a_former_number_that_its_customer_brings_again_changes_nothing(base: Base) -> None:
    ada = ada_then(base, "Zoe Lang")
    list_point(base, ada, PointInput("email", "ada@kite.example"))
    zoe = give(base, ada, point_of(base, ada, NUMBER).contact_point_id).new_profile_id
    receive(base, "email", email="ada@kite.example", further=Further(phones=(ListedPhone(NUMBER, "mobile"),)))
    assert not point_of(base, ada, NUMBER).current
    assert says(base, "Zoe Lang", "hello", 0).profile_id == zoe
    check_base(base.database, base.organization_id)


def test_a_conversation_of_the_new_owner_alone_goes_whole(base: Base) -> None:
    first = says(base, "Ada Hart", "hello", 200)
    edit(base, first.profile_id, name="Ada Hart")
    set_conversation(base, first.conversation_id, state="closed")
    second = says(base, "Zoe", "hi", 0)
    owner = find(base, first.profile_id)
    assert owner is not None
    given = give(base, first.profile_id, owner.contact_point_id)
    owners = dict(rows(base, "SELECT id, profile_id FROM conversations"))
    assert {str(one): str(of) for one, of in owners.items()} == {
        first.conversation_id: first.profile_id,
        second.conversation_id: given.new_profile_id,
    }


def test_it_is_refused_where_nothing_speaks_for_it(base: Base) -> None:
    ada = ada_then(base, "Ada")
    with pytest.raises(Conflict, match="new owner"):
        give(base, ada, point_of(base, ada, NUMBER).contact_point_id)
    with pytest.raises(NotFound):
        give(base, "00000000-0000-7000-8000-00000000dead", "x")


def test_who_wrote_without_a_name_in_between_hides_no_new_owner(base: Base) -> None:
    ada = ada_then(base, "Zoe Lang")
    says(base, None, "hello?", 0)
    assert find(base, ada) is not None


def test_the_customer_writing_again_by_name_is_no_new_owner(base: Base) -> None:
    ada = ada_then(base, "Zoe Lang")
    says(base, "Ada", "it's me, on my daughter's phone", 0)
    assert find(base, ada) is None


def test_a_former_name_of_the_customer_is_the_customer(base: Base) -> None:
    ada = ada_then(base, "Miss Byron")
    other = profile(base, name="Ada Byron")
    merge(base, other, ada)
    assert find(base, ada) is None


def test_who_came_in_late_is_found_by_when_it_was_said(base: Base) -> None:
    """A provider that delivers an old message after the new ones."""
    ada = ada_then(base, "Zoe Lang")
    says(base, "Ada Hart", "sent long ago", 199)
    owner = find(base, ada)
    assert owner is not None
    given = give(base, ada, owner.contact_point_id)
    assert said(base, given.new_profile_id) == ["who are you?"]
    assert said(base, ada) == ["hello", "sent long ago"]
    check_base(base.database, base.organization_id)


def test_a_number_that_became_one_with_another_in_a_merge_is_the_same(base: Base) -> None:
    """The merged-away profile claimed the number, and what it was told went there."""
    claimant = receive(base, "chat", visitor="v1", further=Further(phones=(ListedPhone(NUMBER, "mobile"),))).profile_id
    ada = ada_then(base, "Zoe Lang")
    merge(base, claimant, ada)
    owner = find(base, ada)
    assert owner is not None
    given = give(base, ada, owner.contact_point_id)
    assert said(base, given.new_profile_id) == ["who are you?"]
    check_base(base.database, base.organization_id)


def test_who_was_known_by_the_other_name_before_the_silence_is_no_new_owner(base: Base) -> None:
    ada = says(base, "Kitty", "hello", 200).profile_id
    edit(base, ada, name="Ada Hart")
    says(base, "Kitty", "back again", 0)
    assert find(base, ada) is None


def test_the_account_that_the_channel_named_beside_it_since_goes_along__RES_1(base: Base) -> None:
    """An account that Ada's own messages named stays hers."""
    sent = {"phone": NUMBER, "network": "whatsapp"}
    ada = receive(base, "whatsapp", **sent, user_id="ADA.1", occurred_at=NOW - timedelta(200)).profile_id
    edit(base, ada, name="Ada Hart")
    receive(base, "whatsapp", **sent, user_id="ZOE.1", name="Zoe Lang", occurred_at=NOW)
    owner = find(base, ada)
    assert owner is not None
    given = give(base, ada, owner.contact_point_id)
    assert {p.value for p in show(base, given.new_profile_id).points} == {NUMBER, "whatsapp:ZOE.1"}
    assert {p.value for p in show(base, ada).points} == {NUMBER, "whatsapp:ADA.1"}
    check_base(base.database, base.organization_id)


def test_nothing_that_is_written_on_the_old_profile_reaches_the_new_owner(base: Base) -> None:
    """Neither what is written now, nor a draft of before. A draft begun since the silence goes along: it answers."""
    author = agent(base, "Mara")
    ada = says(base, "Ada Hart", "hello", 200).profile_id
    edit(base, ada, name="Ada Hart")
    point_id = point_of(base, ada, NUMBER).contact_point_id
    before = add_draft(base, ada, author, Composed("whatsapp", "Dear Ada", None, point_id))
    says(base, "Zoe Lang", "who are you?", 0)
    since = add_draft(base, ada, author, Composed("whatsapp", "We are Kite", None, point_id))
    given = give(base, ada, point_id)
    for channel, code in (("whatsapp", "number_given_away"), ("sms", "number_given_away")):
        written = conversations.Written("Dear Ada", channel, point_id)
        with pytest.raises(Conflict) as refusal:
            do(base, lambda unit, w=written: conversations.write(unit, ada, w, author))
        assert refusal.value.code == code
    with pytest.raises(Conflict, match="no longer this customer's"):
        do(base, lambda unit: drafts.send(unit, before.id, author))
    kept = do(base, lambda unit: drafts.read(unit, before.id, author))
    assert (kept.profile_id, kept.body) == (ada, "Dear Ada")
    sent = do(base, lambda unit: drafts.send(unit, since.id, author))
    assert said(base, given.new_profile_id) == ["who are you?", "We are Kite"]
    assert sent.contact_point_id == given.contact_point_id
    check_base(base.database, base.organization_id)
