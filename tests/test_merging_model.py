"""Whatever is merged, detached and undone, in any order and between contacts and edits: nothing is lost, nothing is
there twice, and every rule of tests/invariants.py holds after each step, on both databases.

Each example is an organization of its own in one database.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.contact_points.store import absorbed_by
from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations.drafts import Composed
from onefold.conversations.service import Written
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import DomainError, Unavailable
from onefold.database import tables
from onefold.database.engine import Database
from onefold.matching import service as matching
from onefold.merging import detach as detaching
from onefold.merging import service as merging
from onefold.merging import undo as undoing
from onefold.merging.outcomes import Outcome, Step
from onefold.merging.plan import MergePlan
from onefold.merging.service import MergeRequest
from onefold.merging.store import MergeRow
from onefold.organizations.merge_policies import ASK, BY_RULE, REFUSING_FIELDS
from onefold.organizations.store import add_organization, change_settings, load_policy
from onefold.profiles import parts
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.profiles.store import ADDRESSES, DETAILS, parts_of
from onefold.receiving.contact import Answer, Contact, Further, ListedPhone
from onefold.receiving.service import Receiver
from onefold.settings import service as organization_settings
from onefold.suggestions import service as suggestions
from tests.conftest import Base, MakeUrl
from tests.dsl.cases import contact
from tests.dsl.words import COMMAND, agent, do, inbox
from tests.invariants import check_base

# Few values, so that they meet: one Gmail box under three names, a slip, a shared line, accounts of one network.
EMAILS = (
    "lena.hofer@gmail.com",
    "lenahofer+shop@googlemail.com",
    "lena.hofre@gmail.com",
    "lena@acme.com",
    "test@test.com",
)
PHONES = ("+447911123456", "+442079460000", "+14155552671")
ACCOUNTS = (("facebook", "1001", "lena.h"), ("facebook", "1002", "Lena.H"), ("instagram", "77", None))
CUSTOMER_IDS = ("C-1", "C-2")
NAMES = (None, "Lena", "Lena Hofer", "L. Hofer")
SENDERS: list[tuple[str, tuple[str, str] | None, dict[str, Any]]] = [
    *(("email", ("email", email), {"email": email}) for email in EMAILS),
    *((channel, ("phone", phone), {"phone": phone}) for channel in ("voice", "sms", "whatsapp") for phone in PHONES),
    *(("social", ("social", f"{n}:{u}"), {"network": n, "user_id": u, "handle": h}) for n, u, h in ACCOUNTS),
    *(("chat", ("visitor", token), {"visitor": token}) for token in ("v1", "v2")),
    *(("chat", ("customer_id", known), {"customer_id": known, "proven": True}) for known in CUSTOMER_IDS),
    ("chat", None, {}),
]
FURTHER = [
    None,
    None,
    *(Further(emails=(email,)) for email in EMAILS),
    *(Further(phones=(ListedPhone(p),)) for p in PHONES),
    Further(emails=EMAILS[:1], phones=(ListedPhone(PHONES[0], "mobile"),), customer_id="C-1"),
]
POINTS: list[PointInput] = [
    *(PointInput("email", email, main=main) for email in EMAILS[:4] for main in (False, True)),
    *(
        PointInput("phone", phone, phone_type=kind, main=main)
        for phone in PHONES
        for kind in ("mobile", "home", "other")
        for main in (False, True)
    ),
    *(PointInput("social", user, network, handle=handle) for network, user, handle in ACCOUNTS),
]
POLICIES = [BY_RULE, ASK, {**BY_RULE, **dict.fromkeys(REFUSING_FIELDS, "choose")}]

# What undoing at once does not bring back: that it all happened.
TOLD = ("merges", "audit", "audit_records", "outbox")
KEPT = (
    "profiles",
    "contact_points",
    "details",
    "addresses",
    "relationships",
    "conversations",
    "items",
    "drafts",
    "absorbed_points",
    "suggestions",
    "evidence",
    "verdicts",
    "match_keys",
    "search_terms",
)

OF_SEVERAL = tuple(name for name in KEPT if name not in ("suggestions", "evidence"))
"""What undoing several merges in any order brings back whole. Of the evidence nothing is lost, but some may be new:
with the one undone and the other not yet, fewer held a value that otherwise too many share (SUG-6)."""

incoming = st.tuples(
    st.sampled_from(SENDERS),
    st.sampled_from(["proven", "unchecked", "failed"]),
    st.sampled_from(NAMES),
    st.sampled_from(FURTHER),
)
by_hand = st.lists(st.sampled_from(POINTS), max_size=2)


class Merging(RuleBasedStateMachine):
    """Contacts, edits, merges, detaches and undos in any order; `database` is set by the test."""

    database: Database

    @initialize(
        mode=st.sampled_from(["listed", "contacted"]),
        policies=st.sampled_from(POLICIES),
        shared_limit=st.sampled_from([2, 20]),
        first=st.lists(incoming, min_size=2, max_size=5),
        people=st.lists(st.tuples(st.sampled_from([None, *CUSTOMER_IDS]), by_hand), min_size=1, max_size=3),
    )
    def begin(
        self, mode: str, policies: Mapping[str, str], shared_limit: int, first: list[Any], people: list[Any]
    ) -> None:
        number = add_organization(self.database, "Merging", "US", new_id(), "General", DEFAULT_ENTRIES, utc_now())
        self.base = Base("", self.database, number, Receiver(self.database))
        self.shared_limit = shared_limit
        self.do(lambda unit: organization_settings.change(unit, {"matching_mode": mode}, COMMAND), exclusive=True)
        self.do(lambda unit: change_settings(unit, merge_policies=dict(policies), shared_limit=shared_limit))
        self.agents = [agent(self.base, name) for name in ("Cy", "Lin")]
        self.inboxes = [inbox(self.base, "Claims"), *self.do(lambda unit: load_policy(unit).inbox_ids)][:2]
        self.ids: list[str] = []
        self.conversations: list[str] = []
        self.drafts: list[tuple[str, str]] = []
        self.merges: list[MergeRow] = []
        self.items: set[Any] = set()
        self.values: set[Any] = set()
        self.send(first)
        for customer_id, given in people:
            self.create(name="Lena", customer_id=customer_id, points=given)

    def do(self, work: Callable[..., Any], *, exclusive: bool = False) -> Any:
        return do(self.base, work, exclusive=exclusive)

    def rows(self, sql: str) -> list[Any]:
        with self.database.read(self.base.organization_id) as unit:
            return list(unit.execute(sa.text(sql), {"org": unit.organization_id}))

    def attempt(self, work: Callable[..., Any]) -> Any:
        """What a use case answers, None where it is refused; then nothing at all has changed."""
        before = self.dump(KEPT + TOLD)
        try:
            return self.do(work)
        except Unavailable:
            raise  # nobody else is here to be contended with
        except DomainError:
            assert self.dump(KEPT + TOLD) == before
            return None

    def edit(self, work: Callable[..., Any]) -> Any:
        """The same, without the look at every row."""
        try:
            return self.do(work)
        except Unavailable:
            raise
        except DomainError:
            return None

    # What there is

    def dump(self, names: Sequence[str], *, restored: bool = False) -> dict[str, list[str]]:
        """Every row; `restored` leaves aside what an undo leaves behind: versions, and the events that tell of it."""
        rows_by_table = {}
        with self.database.read(self.base.organization_id) as unit:
            unit.allow_whole_base()
            for name in names:
                table = tables.metadata.tables[name]
                # An empty document and none say the same.
                columns = [
                    sa.func.coalesce(c, sa.literal({}, c.type)) if c.name == "attributes" else c
                    for c in table.c
                    if not restored or c.name != "version"
                ]
                select = sa.select(*columns).where(table.c.organization_id == unit.organization_id)
                if restored and name == "items":
                    select = select.where(table.c.kind != "event")
                rows_by_table[name] = sorted(str([_plain(value) for value in row]) for row in unit.execute(select))
        return rows_by_table

    def survivors(self) -> dict[str, str]:
        return dict(
            map(tuple, self.rows("SELECT id, coalesce(survivor_id, id) FROM profiles WHERE organization_id = :org"))
        )

    def living(self) -> list[str]:
        leads = self.survivors()
        return [profile_id for profile_id in self.ids if leads[profile_id] == profile_id]

    def points(self) -> list[Any]:
        sql = "SELECT id, profile_id, kind, value, identifying FROM contact_points WHERE organization_id = :org"
        return sorted(self.rows(sql), key=lambda p: (p.kind, p.value, self.ids.index(p.profile_id)))

    def owned(self) -> dict[int, tuple[str, str | None]]:
        """The living profile of each item, and the contact point it came through or went to."""
        leads = self.survivors()
        sql = "SELECT seq, profile_id, contact_point_id FROM items WHERE organization_id = :org AND kind <> 'event'"
        return {row.seq: (leads[row.profile_id], row.contact_point_id) for row in self.rows(sql)}

    def evidence(self) -> set[Any]:
        sql = "SELECT profile_id, other_id, kind, value, other_value FROM evidence WHERE organization_id = :org"
        return {tuple(row) for row in self.rows(sql)}

    def some_profile(self, data: st.DataObject) -> str:
        """Any id, also one merged away: writing through it reaches the survivor (EVT-2)."""
        return str(data.draw(st.sampled_from(self.ids), label="profile"))

    def actor(self, data: st.DataObject) -> Actor:
        return Actor(data.draw(st.sampled_from([None, *self.agents]), label="agent"), None, "test")

    # Contacts

    def send(self, given: Sequence[Any]) -> list[Answer]:
        """Each lands on the profile that holds its contact point, if one does (RES-2)."""
        holders = {(p.kind, p.value): p.profile_id for p in self.points() if p.identifying}
        made = []
        for (channel, _, sender), state, name, further in given:
            made.append(contact(channel, **sender, name=name, sender_state=state, further=further, body="hello"))
        answers = self.receive(made)
        for ((_, key, _), *_), answer in zip(given, answers, strict=True):
            assert key not in holders or answer.profile_id == holders[key]
        return answers

    def receive(self, made: Sequence[Contact]) -> list[Answer]:
        answers = [a for a in self.base.receiver.receive(self.base.organization_id, made) if isinstance(a, Answer)]
        assert len(answers) == len(made)
        for answer in answers:
            self.note(answer.profile_id)
            if answer.conversation_id not in self.conversations:
                self.conversations.append(answer.conversation_id)
        return answers

    def note(self, profile_id: str) -> None:
        if profile_id not in self.ids:
            self.ids.append(profile_id)

    @rule(several=st.lists(incoming, min_size=1, max_size=4))
    def contacts(self, several: list[Any]) -> None:
        self.send(several)

    @rule(data=st.data())
    def a_contact_that_names_a_conversation(self, data: st.DataObject) -> None:
        named = data.draw(st.sampled_from(self.conversations), label="conversation")
        with self.database.read(self.base.organization_id) as unit:
            owner = conversations.owner(unit, conversations.resolve_redirect(unit, named))
        answer = self.receive([contact("chat", conversation_id=named, body="again")])[0]
        assert answer.profile_id == owner  # RES-13

    # Edits by hand

    @rule(
        data=st.data(),
        name=st.sampled_from(NAMES),
        fields=st.fixed_dictionaries(
            {},
            optional={
                "username": st.sampled_from([None, "lena.h", "hofer"]),
                "image": st.sampled_from([None, "a.png", "b.png"]),
                "attributes": st.dictionaries(st.sampled_from(["tier", "since"]), st.sampled_from(["1", "2"])),
                "customer_id": st.sampled_from([None, *CUSTOMER_IDS]),
            },
        ),
    )
    def edit_a_profile(self, data: st.DataObject, name: str | None, fields: dict[str, Any]) -> None:
        profile_id = self.some_profile(data)
        self.edit(lambda unit: profiles.edit(unit, profile_id, {"name": name, **fields}, None))
        self.look()

    @rule(name=st.sampled_from(NAMES), given=by_hand)
    def add_a_profile(self, name: str | None, given: list[PointInput]) -> None:
        self.create(name=name, points=given)

    def create(self, **given: Any) -> None:
        row = self.edit(lambda unit: profiles.create(unit, **given))
        if row is not None:
            self.note(row.id)

    @rule(data=st.data(), point=st.sampled_from(POINTS))
    def add_a_point(self, data: st.DataObject, point: PointInput) -> None:
        profile_id = self.some_profile(data)
        self.edit(lambda unit: profiles.add_point(unit, profile_id, point, None))

    @rule(
        data=st.data(),
        change=st.sampled_from(
            [
                {"main": True},
                {"main": False},
                {"phone_type": "mobile"},
                {"phone_type": "home"},
                {"value": EMAILS[0]},
                {"value": EMAILS[2]},
                {"value": PHONES[1]},
                {"handle": "hofer"},
            ]
        ),
    )
    def edit_or_remove_a_point(self, data: st.DataObject, change: dict[str, Any]) -> None:
        point = data.draw(st.sampled_from(self.points()), label="point") if self.points() else None
        if point is None or data.draw(st.integers(0, 4), label="remove") == 0:
            self.edit(lambda unit: point and profiles.remove_point(unit, point.profile_id, point.id, None))
        else:
            self.edit(lambda unit: profiles.edit_point(unit, point.profile_id, point.id, change, None))
        self.look()

    @rule(
        data=st.data(),
        part=st.sampled_from(
            [
                (DETAILS, {"key": "colour", "value": "red"}),
                (DETAILS, {"key": "Colour", "value": "blue"}),
                (DETAILS, {"key": "birthday", "value": "1990-01-02"}),
                (ADDRESSES, {"street": "1 Main St", "city": "York"}),
                (ADDRESSES, {"street": "1 main st", "city": "York"}),
                (ADDRESSES, {"street": "2 Main St", "city": "Bath"}),
            ]
        ),
        how=st.sampled_from(["add", "add", "edit", "remove"]),
    )
    def details_and_addresses(self, data: st.DataObject, part: Any, how: str) -> None:
        profile_id, (table, values) = self.survivors()[self.some_profile(data)], part
        with self.database.read(self.base.organization_id) as unit:
            known = [row["id"] for row in parts_of(unit, table, profile_id)]
        if how == "add" or not known:
            self.edit(lambda unit: parts.add_part(unit, table, profile_id, values, None))
        elif how == "edit":
            self.edit(lambda unit: parts.edit_part(unit, table, profile_id, known[0], values, None))
        else:
            self.edit(lambda unit: parts.remove_part(unit, table, profile_id, known[-1], None))

    @rule(data=st.data(), kind=st.sampled_from(["spouse", "parent"]))
    def relate(self, data: st.DataObject, kind: str) -> None:
        one, other = self.some_profile(data), self.some_profile(data)
        self.edit(lambda unit: parts.relate(unit, one, other, kind, None))

    # Agents at work

    @rule(data=st.data(), kind=st.sampled_from(["note", "task", "email", "sms"]), to_point=st.booleans())
    def begin_a_draft(self, data: st.DataObject, kind: Any, to_point: bool) -> None:
        profile_id, author = self.some_profile(data), data.draw(st.sampled_from(self.agents), label="author")
        point_ids = [
            p.id for p in self.points() if p.profile_id == self.survivors()[profile_id] and p.kind != "customer_id"
        ]
        composed = Composed(kind, "dear", None, point_ids[0] if point_ids and to_point else None)
        draft = self.edit(lambda unit: drafts.create(unit, profile_id, author, composed))
        self.drafts.append((draft.id, author))

    @rule(data=st.data(), how=st.sampled_from([drafts.send, drafts.delete, None, None]))
    def go_on_with_a_draft(self, data: st.DataObject, how: Any) -> None:
        if not self.drafts:
            return
        draft_id, author = data.draw(st.sampled_from(self.drafts), label="draft")
        if how is None:
            assert self.edit(lambda unit: drafts.save(unit, draft_id, author, Composed("note", "dear Lena")))
            return
        self.edit(lambda unit: how(unit, draft_id, author))
        if not self.rows(f"SELECT id FROM drafts WHERE organization_id = :org AND id = '{draft_id}'"):
            self.drafts.remove((draft_id, author))

    @rule(data=st.data(), channel=st.sampled_from([None, "email", "sms", "voice"]))
    def write(self, data: st.DataObject, channel: Any) -> None:
        profile_id, author = self.some_profile(data), data.draw(st.sampled_from(self.agents), label="author")
        point_ids = [p.id for p in self.points() if p.profile_id == self.survivors()[profile_id]]
        point_id = data.draw(st.sampled_from(point_ids), label="point") if point_ids and channel else None
        self.edit(lambda unit: conversations.write(unit, profile_id, Written("noted", channel, point_id), author))

    @rule(data=st.data(), state=st.sampled_from([None, "closed", "closed", "open"]))
    def route_close_or_reopen(self, data: st.DataObject, state: str | None) -> None:
        conversation_id = data.draw(st.sampled_from(self.conversations), label="conversation")
        assignee = data.draw(st.sampled_from([None, *self.agents]), label="assignee")
        to_inbox = data.draw(st.sampled_from([None, *self.inboxes]), label="inbox")
        self.edit(
            lambda unit: conversations.change(
                unit,
                conversation_id,
                inbox_id=to_inbox,
                assignee_id=assignee,
                unassign=assignee is None,
                state=state,
            )
        )

    @rule(data=st.data(), decide=st.sampled_from([suggestions.no_match, suggestions.no_match, suggestions.withdraw]))
    def decide_on_a_pair(self, data: st.DataObject, decide: Any) -> None:
        one, other, actor = self.some_profile(data), self.some_profile(data), self.actor(data)
        self.attempt(lambda unit: decide(unit, one, other, actor))

    # Merging

    def request(self, data: st.DataObject, *, detaching_too: bool) -> tuple[MergeRequest, Actor, MergePlan] | None:
        """A merge of two living profiles as somebody confirms it: some of its choices made, some obstacles cleared."""
        living, actor = self.living(), self.actor(data)
        if len(living) < 2:
            return None
        source, destination = data.draw(st.permutations(living), label="pair")[:2]
        asked = self.previewed(MergeRequest(source, destination, despite_no_match=True), actor)
        choices = {o.field: choice for o in asked.outcomes if (choice := self.choice(data, o)) is not None}
        offered = [s for o in asked.obstacles for s in o.steps if detaching_too or s.step != "detach"]
        steps: list[Step] = data.draw(st.lists(st.sampled_from(offered), max_size=2), label="steps") if offered else []
        request = MergeRequest(source, destination, choices, steps, despite_no_match=True)
        plan = self.previewed(request, actor)
        return request._replace(versions=plan.versions, digest=plan.digest), actor, plan

    def choice(self, data: st.DataObject, outcome: Outcome) -> Any:
        if not outcome.options:
            return None
        return data.draw(st.sampled_from([*outcome.options, None]), label=outcome.field.partition(".")[0])

    def previewed(self, request: MergeRequest, actor: Actor) -> MergePlan:
        with self.database.read(self.base.organization_id) as unit:
            return merging.preview(unit, request, actor)

    @rule(data=st.data(), times=st.integers(1, 3))
    def merge(self, data: st.DataObject, times: int) -> None:
        for _ in range(times):
            asked = self.request(data, detaching_too=True)
            if asked is not None:
                self.merged(*asked)

    def merged(self, request: MergeRequest, actor: Actor, plan: MergePlan) -> MergeRow | None:
        """MRG-2: everything of the source is the destination's; what the preview said is what happens (MRG-12)."""
        owned, values, known = self.owned(), Counter((p.kind, p.value) for p in self.points()), self.points()
        answer = self.attempt(lambda unit: merging.merge(unit, request, actor))
        assert (answer is None) == bool(plan.obstacles)
        if answer is None:
            return None
        row: MergeRow = answer[0]
        done: MergePlan = answer[1]
        self.merges.append(row)
        for (profile_id,) in self.rows("SELECT id FROM profiles WHERE organization_id = :org ORDER BY id"):
            self.note(profile_id)  # of what was detached on the way
        both = {request.source_id, request.destination_id}
        assert self.survivors()[request.source_id] == request.destination_id
        after = self.owned()
        for seq, (owner, point_id) in owned.items():
            if owner not in both:
                assert after[seq] == (owner, point_id)
            elif not plan.detached:
                assert after[seq] == (request.destination_id, point_id)
        twins = Counter((p.kind, p.value) for p in known if p.id in done.absorbed)
        assert Counter((p.kind, p.value) for p in self.points()) == values - twins
        return row

    @rule(data=st.data(), times=st.integers(1, 3))
    def merge_and_undo_in_any_order(self, data: st.DataObject, times: int) -> None:
        """Then everything is as if it had never been merged, byte for byte (MRG-13, MRG-19).

        After several merges, and where few profiles are too many to suggest by (SUG-6), OF_SEVERAL are.
        """
        self.look_again_at_all()
        before, evident = self.dump(KEPT, restored=True), self.evidence()
        merges: list[tuple[MergeRow, Actor]] = []
        for _ in range(times):
            asked = self.request(data, detaching_too=False)
            if asked is not None and not asked[2].obstacles:
                row = self.merged(*asked)
                assert row is not None
                merges.append((row, asked[1]))
        for row, actor in data.draw(st.permutations(merges), label="order"):
            assert self.attempt(lambda unit, row=row, actor=actor: undoing.undo(unit, row.id, None, actor)) is not None
        after = self.dump(KEPT, restored=True)
        names = KEPT if len(merges) < 2 and self.shared_limit == 20 else OF_SEVERAL
        # Of similar emails that too many have meanwhile, the evidence is taken back for good (SUG-6).
        lost = evident - self.evidence()
        assert not {row for row in lost if self.shared_limit == 20 or row[2] != "similar_email"}
        assert not {name: set(before[name]) ^ set(after[name]) for name in names if before[name] != after[name]}

    def look_again_at_all(self) -> None:
        """What is stored of suggestions may be older than what it rests on; a merge and its undo write it anew."""
        for profile_id in self.living():
            self.do(lambda unit, one=profile_id: matching.refresh_matches(unit, one, load_policy(unit), utc_now()))

    @rule(data=st.data())
    def merge_what_cannot_be(self, data: st.DataObject) -> None:
        """MRG-15: with itself, or with what is merged away."""
        one, other, actor = self.some_profile(data), self.some_profile(data), self.actor(data)
        if one == other or {one, other} - set(self.living()):
            request = MergeRequest(one, other, despite_no_match=True)
            assert self.attempt(lambda unit: merging.merge(unit, request, actor)) is None

    @rule(data=st.data())
    def detach(self, data: st.DataObject) -> None:
        """DET-1, DET-2: all messages of the contact point, and none of another's, are the new profile's."""
        points, actor = self.points(), self.actor(data)
        if not points:
            return
        point = data.draw(st.sampled_from(points), label="point")
        with self.database.read(self.base.organization_id) as unit:
            through = {point.id, *absorbed_by(unit, [point.id])}
        owned = self.owned()
        done = self.attempt(lambda unit: detaching.detach(unit, point.profile_id, point.id, None, actor, None))
        of_profile = [p for p in points if p.profile_id == point.profile_id and p.kind != "customer_id"]
        assert (done is None) == (point.kind == "customer_id" or len(of_profile) < 2)  # DET-3
        if done is None:
            return
        self.note(done.new_profile_id)
        assert {
            seq for seq, (owner, by) in self.owned().items() if owner == done.new_profile_id and by is not None
        } == {seq for seq, (owner, by) in owned.items() if by in through and owner == point.profile_id}
        assert Counter((p.kind, p.value) for p in self.points()) == Counter((p.kind, p.value) for p in points)
        assert [p.id for p in self.points() if p.profile_id == done.new_profile_id] == [point.id]

    @rule(data=st.data(), times=st.integers(1, 3))
    def undo(self, data: st.DataObject, times: int) -> None:
        """Any merge, in any order, mostly one that stands."""
        for _ in range(times if self.merges else 0):
            rows = self.rows("SELECT id FROM merges WHERE organization_id = :org AND undone_at IS NULL")
            standing = [row for row in self.merges if row.id in {str(one.id) for one in rows}]
            mostly = standing if standing and data.draw(st.sampled_from([True] * 9 + [False])) else self.merges
            row = data.draw(st.sampled_from(mostly), label="merge")
            self.undone(row, self.actor(data), stands=row in standing)

    def undone(self, row: MergeRow, actor: Actor, *, stands: bool) -> None:
        """The source lives again, with all that led to it through this merge (MRG-13)."""
        leads, values = self.survivors(), {(p.kind, p.value) for p in self.points()}
        done = self.attempt(lambda unit: undoing.undo(unit, row.id, None, actor))
        assert (done is not None) == stands
        if done is None:
            return
        after = self.survivors()
        assert (leads[row.source_id], after[row.source_id]) == (done.profile_id, row.source_id)
        assert {one for one in self.ids if after[one] != leads[one]} == set(done.returning)
        assert {(p.kind, p.value) for p in self.points()} >= values

    # What holds after each step

    def look(self) -> None:
        """What is there now is what must not be lost from now on."""
        self.values = {(p.kind, p.value) for p in self.points()}

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "base"):
            return
        items = self.rows("SELECT seq, kind, channel, message_id, body FROM items WHERE organization_id = :org")
        assert self.items <= {tuple(item) for item in items}
        self.items = {tuple(item) for item in items}
        assert self.values <= {(p.kind, p.value) for p in self.points()}
        self.look()
        stored = {str(row.id) for row in self.rows("SELECT id FROM drafts WHERE organization_id = :org")}
        assert stored == {draft_id for draft_id, _ in self.drafts}
        assert set(self.survivors()) == set(self.ids)

    @invariant()
    def the_base_is_sound(self) -> None:
        if hasattr(self, "base"):
            check_base(self.database, self.base.organization_id)


def _plain(value: object) -> object:
    """A document with its keys in order: they have none of their own, and PostgreSQL keeps none."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else value


def _check(make_url: MakeUrl, examples: int, steps: int) -> None:
    Merging.database = Database(make_url())
    try:
        run_state_machine_as_test(
            Merging,
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
        Merging.database.dispose()


def test_merges_lose_nothing_and_can_be_undone__MRG_2_MRG_13_MRG_15_DET_1_DET_2_PRO_3(make_url: MakeUrl) -> None:
    _check(make_url, examples=5, steps=30)


@pytest.mark.soak
def test_long_histories_of_merges_lose_nothing__MRG_2_MRG_13_MRG_15_DET_1(make_url: MakeUrl) -> None:
    _check(make_url, examples=1_000, steps=60)
