"""Any history of contacts and edits ends in the same partition as in the plain model of the rules, on both databases.

Each example is an organization of its own in one database, so that isolation is held to as well.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.conversations import service as conversations
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction
from onefold.organizations.store import add_organization
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Answer, Contact, Further, ListedPhone, Machine, Sender
from onefold.receiving.service import Receiver
from onefold.settings import service as organization_settings
from tests.conftest import MakeUrl
from tests.dsl.words import COMMAND, rows
from tests.model import Event, Model, Profile

MOBILES = {"+447911123456", "+4915112345678"}
LANDLINES = {"+442079460000"}
UNKNOWN = {"+14155552671"}
BLOCKED = {"test@test.com", "+266696687"}
OWN = "help@own.example"
# The same value in several spellings: the model knows the normal form only.
EMAILS = {
    "a@example.com": ["a@example.com", "A@Example.COM"],
    "b@example.com": ["b@example.com", " B@example.com"],
    "test@test.com": ["test@test.com", "TEST@test.com"],
}
PHONES = {
    "+447911123456": ["+447911123456", "+44 7911 123456"],
    "+4915112345678": ["+4915112345678", "004915112345678"],
    "+442079460000": ["+442079460000", "+44 (0)20 7946 0000"],
    "+14155552671": ["(415) 555-2671", "+14155552671"],
    "+266696687": ["+266696687"],
}
TYPES = ["mobile", "home", "office", "other"]


def spelled(values: dict[str, list[str]]) -> st.SearchStrategy[tuple[str, str]]:
    return st.sampled_from([(normal, written) for normal, all_ in values.items() for written in all_])


class Histories(RuleBasedStateMachine):
    """Contacts and edits in any order; `database` is set by the test."""

    database: Database

    @initialize(mode=st.sampled_from(["listed", "contacted"]), identification=st.booleans())
    def begin(self, mode: str, identification: bool) -> None:
        self.organization_id = add_organization(
            self.database, "Model", "US", new_id(), "General", DEFAULT_ENTRIES, utc_now()
        )
        changes = {
            "matching_mode": mode,
            "mobile_identification": identification,
            "shared_limit": 4,
            "own_addresses": [OWN],
        }
        self.do(lambda unit: organization_settings.change(unit, changes, COMMAND), exclusive=True)
        self.receiver = Receiver(self.database)
        self.model = Model(
            mode=mode, identification=identification, mobiles=MOBILES, landlines=LANDLINES, blocked=BLOCKED
        )
        self.ids: list[tuple[Profile, str]] = []
        self.count = 0

    def do(self, work: Any, *, exclusive: bool = False) -> Any:
        return run_in_transaction(self.database, self.organization_id, work, exclusive=exclusive)

    def id_of(self, profile: Profile) -> str:
        return next(profile_id for known, profile_id in self.ids if known is profile)

    def message(self, repeat: bool) -> str:
        self.count += 0 if repeat and self.count else 1
        return f"m{self.count}"

    def send(self, given: list[tuple[Event, Contact]]) -> None:
        answers = self.receiver.receive(self.organization_id, [contact for _, contact in given])
        for (event, _), answer in zip(given, answers, strict=True):
            assert isinstance(answer, Answer)
            expected = self.model.receive(event)
            if expected is None:
                assert answer.outcome == "set_aside"
                continue
            known = [profile_id for profile, profile_id in self.ids if profile is expected]
            assert known in ([], [answer.profile_id])
            if not known:
                assert answer.outcome == "created"
                self.ids.append((expected, answer.profile_id))

    @rule(channel=st.sampled_from(["voice", "sms", "whatsapp"]), phone=spelled(PHONES), repeat=st.booleans())
    def phone_contact(self, channel: str, phone: tuple[str, str], repeat: bool) -> None:
        message_id = self.message(repeat)
        contact = Contact(channel, message_id, Sender(phone=phone[1]))  # type: ignore[arg-type]
        self.send([(Event(channel, message_id, "phone", phone[0]), contact)])

    @rule(email=spelled(EMAILS), repeat=st.booleans(), state=st.sampled_from(["proven", "unchecked", "failed"]))
    def email_contact(self, email: tuple[str, str], repeat: bool, state: Any) -> None:
        message_id = self.message(repeat)
        event = Event("email", message_id, "email", email[0], failed=state == "failed")
        self.send([(event, Contact("email", message_id, Sender(email=email[1]), sender_state=state))])

    def answered(self, data: st.DataObject) -> str | None:
        """A mail to answer whose id no other mail has, or none."""
        once = [message_id for message_id, profiles in self.model.mails.items() if len(profiles) == 1]
        return data.draw(st.none() | st.sampled_from(once), label="answered") if once else None

    @rule(data=st.data(), repeat=st.booleans())
    def mail_of_ones_own(self, data: st.DataObject, repeat: bool) -> None:
        message_id, answered = self.message(repeat), self.answered(data)
        event = Event("email", message_id, "email", OWN, own=True, answers=answered)
        replies = (answered,) if answered else ()
        self.send([(event, Contact("email", message_id, Sender(email=OWN), reply_to=replies))])

    @rule(email=spelled(EMAILS))
    def an_auto_reply(self, email: tuple[str, str]) -> None:
        message_id = self.message(False)
        event = Event("email", message_id, "email", email[0], machine=True)
        self.send([(event, Contact("email", message_id, Sender(email=email[1]), machine=Machine("auto_reply")))])

    @rule(data=st.data(), recipient=spelled(EMAILS))
    def a_bounce(self, data: st.DataObject, recipient: tuple[str, str]) -> None:
        message_id, answered = self.message(False), self.answered(data)
        daemon, replies = "mailer-daemon@mx.example", (answered,) if answered else ()
        event = Event("email", message_id, "email", daemon, machine=True, recipient=recipient[0], answers=answered)
        machine = Machine("bounce", (recipient[1],), permanent=True)
        contact = Contact("email", message_id, Sender(email=daemon), machine=machine, reply_to=replies)
        self.send([(event, contact)])

    @rule(
        visitor=st.sampled_from([None, "v1", "v2"]),
        email=st.none() | spelled(EMAILS),
        phone=st.none() | st.tuples(spelled(PHONES), st.sampled_from(TYPES)),
        vouched=st.booleans(),
    )
    def chat_with_a_form(self, visitor: str | None, email: Any, phone: Any, vouched: bool) -> None:
        message_id = self.message(False)
        further, said = Further(vouched=vouched), []
        if email:
            further = further._replace(emails=(email[1],))
            said.append(("email", email[0], None))
        if phone:
            further = further._replace(phones=(ListedPhone(phone[0][1], phone[1]),))
            said.append(("phone", phone[0][0], phone[1]))
        event = Event("chat", message_id, visitor and "visitor", visitor or "", tuple(said), vouched=vouched)
        self.send([(event, Contact("chat", message_id, Sender(visitor=visitor), further=further))])

    @rule(
        several=st.lists(
            st.tuples(st.sampled_from(["voice", "sms", "whatsapp"]), spelled(PHONES)), min_size=2, max_size=6
        )
    )
    def a_batch(self, several: list[tuple[str, tuple[str, str]]]) -> None:
        given = []
        for channel, (normal, written) in several:
            message_id = self.message(False)
            contact = Contact(channel, message_id, Sender(phone=written))  # type: ignore[arg-type]
            given.append((Event(channel, message_id, "phone", normal), contact))
        self.send(given)

    @rule(data=st.data(), email=spelled(EMAILS))
    def add_an_email(self, data: st.DataObject, email: tuple[str, str]) -> None:
        self._add(data, "email", email, None)

    @rule(data=st.data(), phone=spelled(PHONES), phone_type=st.sampled_from(TYPES))
    def add_a_phone(self, data: st.DataObject, phone: tuple[str, str], phone_type: str) -> None:
        self._add(data, "phone", phone, phone_type)

    def _add(self, data: st.DataObject, kind: Any, value: tuple[str, str], phone_type: Any) -> None:
        if not self.ids:
            return
        profile, profile_id = data.draw(st.sampled_from(self.ids), label="profile")
        point = PointInput(kind, value[1], phone_type=phone_type)
        try:
            self.do(lambda unit: profiles.add_point(unit, profile_id, point, None))
            done = True
        except Conflict:
            done = False
        assert done == self.model.add(profile, kind, value[0], phone_type)

    def _points(self) -> list[tuple[Profile, str, str]]:
        return [(profile, p.kind, p.value) for profile, _ in self.ids for p in profile.points if p.kind != "visitor"]

    def _point_id(self, profile: Profile, kind: str, value: str) -> str:
        with self.database.read(self.organization_id) as unit:
            points = profiles.read(unit, self.id_of(profile)).points
        return next(p.contact_point_id for p in points if (p.kind, p.value) == (kind, value))

    @rule(data=st.data(), phone_type=st.sampled_from(TYPES))
    def retype_a_phone(self, data: st.DataObject, phone_type: str) -> None:
        phones = [point for point in self._points() if point[1] == "phone"]
        if not phones:
            return
        profile, kind, value = data.draw(st.sampled_from(phones), label="phone")
        point_id = self._point_id(profile, kind, value)
        change = {"phone_type": phone_type, "sms": False}
        try:
            self.do(lambda unit: profiles.edit_point(unit, self.id_of(profile), point_id, change, None))
            done = True
        except Conflict:
            done = False
        assert done == self.model.retype(profile, value, phone_type)
        if done:
            profile.point(kind, value).sms = False  # type: ignore[union-attr]

    @rule(data=st.data())
    def remove_a_point(self, data: st.DataObject) -> None:
        if not self._points():
            return
        profile, kind, value = data.draw(st.sampled_from(self._points()), label="point")
        point_id = self._point_id(profile, kind, value)
        self.do(lambda unit: profiles.remove_point(unit, self.id_of(profile), point_id, None))
        self.model.remove(profile, kind, value)

    @rule(data=st.data())
    def close_a_conversation(self, data: st.DataObject) -> None:
        opened = [known for known in self.ids if known[0].open]
        if not opened:
            return
        profile, profile_id = data.draw(st.sampled_from(opened), label="profile")
        with self.database.read(self.organization_id) as unit:
            newest = conversations.of_profile(unit, profile_id, None, 1)[0].id
        self.do(
            lambda unit: conversations.change(
                unit, newest, inbox_id=None, assignee_id=None, unassign=False, state="closed"
            )
        )
        profile.open = False

    @invariant()
    def the_same_partition(self) -> None:
        if not hasattr(self, "model"):
            return
        names = {profile_id: number for number, (_, profile_id) in enumerate(self.ids)}
        assert self._stored_points(names) == {
            (number, p.kind, p.value, p.type, p.sms, p.identifying, p.contacted, p.claimed)
            for number, (profile, _) in enumerate(self.ids)
            for p in profile.points
        }
        assert self._stored_conversations(names) == {
            (number, *conversation) for number, (p, _) in enumerate(self.ids) for conversation in p.conversations
        }
        order = {self.model.profiles.index(profile): number for number, (profile, _) in enumerate(self.ids)}
        assert self._stored_evidence(names) == {
            (frozenset(order[n] for n in pair), kind, value) for pair, kind, value in self.model.suggested
        }

    def _rows(self, sql: str) -> list[Any]:
        return rows(self, sql + " WHERE organization_id = :org", org=self.organization_id)  # type: ignore[arg-type]

    def _stored_points(self, names: dict[str, int]) -> set[Any]:
        flags = "sms, identifying, contacted, standing = 'claimed'"
        sql = f"SELECT profile_id, kind, value, phone_type, {flags} FROM contact_points"
        return {(names[str(r[0])], *r[1:4], *(bool(flag) for flag in r[4:])) for r in self._rows(sql)}

    def _stored_conversations(self, names: dict[str, int]) -> set[Any]:
        messages_by_id: dict[str, list[Any]] = {}
        for row in sorted(
            self._rows("SELECT conversation_id, profile_id, message_id, seq FROM items"), key=lambda r: r.seq
        ):
            messages_by_id.setdefault(str(row.conversation_id), [names[str(row.profile_id)]]).append(row.message_id)
        return {tuple(conversation) for conversation in messages_by_id.values()}

    def _stored_evidence(self, names: dict[str, int]) -> set[Any]:
        """Both sides of each piece hold the very same value: there is no other kind of evidence here."""
        evidence_rows = self._rows("SELECT profile_id, other_id, kind, value, other_value FROM evidence")
        assert all(row.value == row.other_value for row in evidence_rows)
        return {(frozenset((names[str(r[0])], names[str(r[1])])), r[2], r[3]) for r in evidence_rows}


def _check(make_url: MakeUrl, examples: int, steps: int) -> None:
    Histories.database = Database(make_url())
    try:
        run_state_machine_as_test(
            Histories,
            settings=settings(
                max_examples=examples,
                phases=(Phase.explicit, Phase.reuse, Phase.generate),
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
                print_blob=True,
            ),
        )
    finally:
        Histories.database.dispose()


def test_the_same_history_gives_the_same_partition__RES_1_to_RES_12_PRO_3_PRO_4_PRO_5(make_url: MakeUrl) -> None:
    _check(make_url, examples=15, steps=25)


@pytest.mark.soak
def test_long_histories_give_the_same_partition__RES_1_to_RES_12(make_url: MakeUrl) -> None:
    _check(make_url, examples=1_500, steps=50)
