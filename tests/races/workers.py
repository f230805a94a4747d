"""What runs in other processes: workers that bring contacts in, edit and merge profiles, by their own connections."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from onefold.contact_points.kinds import Channel
from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations.drafts import Composed
from onefold.conversations.service import Written
from onefold.core.actor import Actor
from onefold.core.errors import Conflict, DomainError, NotFound, Unavailable, VersionConflict
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.merging import detach as detaching
from onefold.merging import service as merging
from onefold.merging import undo as undoing
from onefold.merging.service import MergeRequest
from onefold.profiles import parts
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Answer, Contact, Further, Sender
from onefold.receiving.service import Receiver
from onefold.suggestions import service as suggestions
from tests.races.processes import Job, at_once, clean

T = TypeVar("T")
_PATIENCE_SECONDS = 100.0


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A worker's own database."""
    database = Database(url, pool_size=2)
    try:
        yield database
    finally:
        database.dispose()


def until_taken(work: Callable[[], T]) -> T:
    """Does it again while storage is too busy, as whoever sends a contact does; any other error is the worker's."""
    begun = time.monotonic()
    while True:
        try:
            return work()
        except Unavailable as refusal:
            if refusal.code not in ("database_busy", "contended") or time.monotonic() - begun > _PATIENCE_SECONDS:
                raise
            time.sleep(random.uniform(0, 0.05))


def bring(url: str, organization_id: int, contacts: Sequence[Contact], batch: int) -> list[Answer]:
    """Brings contacts in, `batch` in a transaction; each one's answer."""
    answers: list[Answer] = []
    with opened(url) as database:
        receiver = Receiver(database)
        for first in range(0, len(contacts), batch):
            for answer in until_taken(lambda: receiver.receive(organization_id, contacts[first : first + batch])):  # noqa: B023
                if isinstance(answer, DomainError):
                    raise answer
                answers.append(answer)
    return answers


SENDERS: dict[Channel, Callable[[int], Sender]] = {
    "email": lambda n: Sender(email=f"customer.{n}@example.com", name=f"Customer {n}"),
    "sms": lambda n: Sender(phone=mobile(n)),
    "whatsapp": lambda n: Sender(phone=mobile(n)),
    "voice": lambda n: Sender(phone=mobile(n)),
    "social": lambda n: Sender(network="instagram", user_id=f"1784{n}", handle=f"customer_{n}"),
    "chat": lambda n: Sender(visitor=f"visitor-{n}"),
}


def mobile(n: int) -> str:
    """The number of customer n."""
    return f"+4477009{n:05}"


def contact(channel: Channel, n: int, message_id: str) -> Contact:
    """A message of customer n on a channel."""
    return Contact(channel, message_id, SENDERS[channel](n), body="Where is my order?")


EXPECTED = (Conflict, VersionConflict, NotFound)
"""What an editor meets when others edit the same profiles. Taken is a Conflict; NotFound: a point just removed."""


def edit_at_random(url: str, organization_id: int, seed: int, customers: int, rounds: int) -> Counter[str]:
    """Edits profiles as hasty agents do; returns how often each edit was done, and how often which refusal met."""
    chance, seen = random.Random(seed), Counter[str]()
    with opened(url) as database:
        for _ in range(rounds):
            edit = chance.choice((_create, _add, _retype, _remove))
            decided = (chance.random(), chance.random(), chance.randrange(customers))
            try:
                # Decided before: a transaction that is done again must be the same transaction.
                until_taken(lambda: run_in_transaction(database, organization_id, lambda unit: edit(unit, *decided)))  # noqa: B023
                seen[edit.__name__] += 1
            except EXPECTED as refusal:
                seen[refusal.code] += 1
    return seen


def _create(unit: UnitOfWork, _place: float, choice: float, customer: int) -> None:
    profiles.create(unit, name=f"Made {customer}", points=[_point(choice, customer)])


def _add(unit: UnitOfWork, place: float, choice: float, customer: int) -> None:
    profile_id, _ = _anyone(unit, place)
    profiles.add_point(unit, profile_id, _point(choice, customer), None)


def _retype(unit: UnitOfWork, place: float, choice: float, _customer: int) -> None:
    profile_id, points = _anyone(unit, place)
    phones = [p for p in points if p.kind == "phone"]
    if phones:
        phone_type = ("mobile", "mobile", "home", "other")[int(choice * 4)]
        profiles.edit_point(
            unit, profile_id, phones[0].contact_point_id, {"phone_type": phone_type, "main": True}, None
        )


def _remove(unit: UnitOfWork, place: float, choice: float, _customer: int) -> None:
    profile_id, points = _anyone(unit, place)
    if points and choice < 0.5:
        profiles.remove_point(unit, profile_id, points[int(choice * 2 * len(points))].contact_point_id, None)


def _point(choice: float, customer: int) -> PointInput:
    if choice < 0.3:
        return PointInput("email", f"customer.{customer}@example.com", main=True)
    return PointInput("phone", mobile(customer), phone_type="mobile" if choice < 0.7 else "home")


def _anyone(unit: UnitOfWork, place: float) -> tuple[str, list[Any]]:
    ids = sorted(unit.execute(sa.text("SELECT id FROM profiles WHERE survivor_id IS NULL")).scalars())
    profile_id = ids[int(place * len(ids))]
    return profile_id, profiles.read(unit, profile_id).points


def close_and_reopen(url: str, organization_id: int, seed: int, rounds: int) -> Counter[str]:
    """Closes and reopens any conversation there is; returns how often."""
    chance, seen = random.Random(seed), Counter[str]()
    with opened(url) as database:
        for _ in range(rounds):
            with database.read(organization_id) as unit:
                ids = sorted(unit.execute(sa.text("SELECT id FROM conversations")).scalars())
            state = chance.choice(("closed", "open"))
            conversation_id = chance.choice(ids)
            try:
                until_taken(lambda: _set_state(database, organization_id, conversation_id, state))  # noqa: B023
                seen[state] += 1
            except Conflict as refusal:
                seen[refusal.code] += 1
    return seen


def _set_state(database: Database, organization_id: int, conversation_id: str, state: str) -> None:
    run_in_transaction(
        database,
        organization_id,
        lambda unit: conversations.change(
            unit, conversation_id, inbox_id=None, assignee_id=None, unassign=False, state=state
        ),
    )


# Merging -------------------------------------------------------------------------------------------------------------

ACTOR = Actor(None, None, "races")

STEPS: dict[str, Callable[..., Any]] = {
    "merge": lambda unit, source, destination: merging.merge(unit, MergeRequest(source, destination), ACTOR)[0].id,
    "undo": lambda unit, merge_id: undoing.undo(unit, merge_id, None, ACTOR).profile_id,
    "detach": lambda unit, profile, point: detaching.detach(unit, profile, point, None, ACTOR, None).new_profile_id,
    "no_match": lambda unit, one, other: suggestions.no_match(unit, one, other, ACTOR),
    "withdraw": lambda unit, one, other: suggestions.withdraw(unit, one, other, ACTOR),
    "add_point": lambda unit, profile, point: profiles.add_point(unit, profile, point, None)[1],
    "relate": lambda unit, one, other, kind: parts.relate(unit, one, other, kind, None),
    "rename": lambda unit, profile, name: profiles.edit(unit, profile, {"name": name}, None).id,
    "note": lambda unit, profile, text: conversations.write(unit, profile, Written(text), None).seq,
    "draft": lambda unit, profile, author, text: drafts.create(unit, profile, author, Composed("note", text)).id,
    "save": lambda unit, draft, author, text: drafts.save(unit, draft, author, Composed("note", text)).id,
}
"""What a worker can be told to do, in a transaction of its own: the first of a step's words, then its arguments."""

Step = tuple[Any, ...]


class Did(NamedTuple):
    """How a step ended: `code` is "done" or the refusal's; `tries` is how often its transaction began."""

    code: str
    value: Any
    tries: int
    seconds: float


def do_step(database: Database, receiver: Receiver, organization_id: int, step: Step) -> Did:
    """Does one step once: a refusal is its outcome, any other error is the worker's."""
    word, *arguments = step
    tries, begun = Counter[str](), time.monotonic()

    def work(unit: UnitOfWork) -> Any:
        tries[word] += 1
        return STEPS[word](unit, *arguments)

    def done(code: str, value: Any) -> Did:
        return Did(code, value, tries[word], time.monotonic() - begun)

    try:
        if word != "contact":
            return done("done", run_in_transaction(database, organization_id, work))
        [answer] = receiver.receive(organization_id, arguments)
    except DomainError as refusal:
        return done(refusal.code, None)
    return done(answer.code, None) if isinstance(answer, DomainError) else done("done", answer.profile_id)


def in_rounds(url: str, organization_id: int, steps: Sequence[Step | None], line: Any) -> list[Did | None]:
    """Does a step a round; everybody at the line begins a round at the same instant."""
    with opened(url) as database:
        receiver, did = Receiver(database), list[Did | None]()
        for step in steps:
            line.wait(60)
            did.append(None if step is None else do_step(database, receiver, organization_id, step))
    return did


def rounds_at_once(url: str, organization_id: int, columns: Sequence[Sequence[Step | None]]) -> list[list[Did | None]]:
    """A worker for each column of steps, all in step with each other; returns how each column's steps ended."""
    line = clean.Barrier(len(columns))
    return at_once([Job(in_rounds, (url, organization_id, steps, line)) for steps in columns])


class Mix(NamedTuple):
    """What a worker of `mix` has done, and what it was told is kept: messages, notes, and drafts with their text."""

    ended: Counter[tuple[str, str]]
    tries: Counter[tuple[str, int]]
    slowest: dict[str, float]
    messages: dict[str, str]
    notes: list[str]
    drafts: dict[str, str]


_MIX: dict[str, int] = {
    "contact": 36,
    "merge": 18,
    "detach": 9,
    "undo": 8,
    "no_match": 4,
    "withdraw": 1,
    "add_point": 4,
    "relate": 4,
    "rename": 2,
    "note": 6,
    "draft": 4,
    "save": 4,
}
SHARED_LINES = 8


class _Mixer:
    """One hasty worker: looks at what there is, decides, and does it a moment later, when it may be there no more."""

    def __init__(self, database: Database, organization_id: int, seed: int, customers: int, agent_id: str) -> None:
        self.chance, self.seed, self.customers, self.agent_id = random.Random(seed), seed, customers, agent_id
        self.database, self.organization_id, self.receiver = database, organization_id, Receiver(database)
        self.did = Mix(Counter(), Counter(), {}, {}, [], {})
        self.number = 0

    def one_step(self) -> None:
        [word] = self.chance.choices(list(_MIX), list(_MIX.values()))
        step = self._decided(word)
        if step is None:
            return
        did = do_step(self.database, self.receiver, self.organization_id, step)
        while did.code == "database_busy":  # the one writer was somebody else for long: whoever asked comes again
            self.did.ended[word, did.code] += 1
            did = do_step(self.database, self.receiver, self.organization_id, step)
        self.did.ended[word, did.code] += 1
        self.did.tries[word, did.tries] += 1
        self.did.slowest[word] = max(did.seconds, self.did.slowest.get(word, 0))
        if did.code == "done":
            self._remember(step, did)

    def _remember(self, step: Step, did: Did) -> None:
        if step[0] == "contact":
            self.did.messages[step[1].message_id] = did.value
        elif step[0] == "note":
            self.did.notes.append(step[2])
        elif step[0] in ("draft", "save"):
            self.did.drafts[did.value] = step[3]

    def _decided(self, word: str) -> Step | None:
        self.number += 1
        text = f"{self.seed}-{self.number}"
        n = self.chance.randrange(self.customers)
        if word == "contact":
            return "contact", self._contact(text, n)
        if word == "save":
            return ("save", self.chance.choice(list(self.did.drafts)), self.agent_id, text) if self.did.drafts else None
        with self.database.read(self.organization_id) as unit:
            return self._about_profiles(unit, word, text, n)

    def _about_profiles(self, unit: UnitOfWork, word: str, text: str, n: int) -> Step | None:
        if word == "undo":
            merges = self._ids(unit, "SELECT id FROM merges WHERE undone_at IS NULL")
            return ("undo", self.chance.choice(merges[-40:])) if merges else None
        # Also some that were merged away: their ids go on answering (EVT-2).
        of = "WHERE survivor_id IS NULL" if word == "merge" or self.chance.random() < 0.8 else ""
        one, other = self.chance.sample(self._ids(unit, f"SELECT id FROM profiles {of}"), 2)
        if word in ("no_match", "withdraw"):
            pairs = unit.execute(sa.text("SELECT profile_id, other_id FROM suggestions")).all()
            return (word, *self.chance.choice(pairs)) if pairs else None
        if word == "detach":
            points = unit.execute(
                sa.text("SELECT profile_id, id FROM contact_points WHERE kind <> 'customer_id'")
            ).all()
            return "detach", *self.chance.choice(sorted(map(tuple, points)))
        return {
            "merge": ("merge", one, other),
            "add_point": ("add_point", one, _point(self.chance.random(), n)),
            "relate": ("relate", one, other, self.chance.choice(("parent", "spouse", "colleague"))),
            "rename": ("rename", one, f"Renamed {text}"),
            "note": ("note", one, f"Note {text}"),
            "draft": ("draft", one, self.agent_id, f"Draft {text}"),
        }[word]

    def _ids(self, unit: UnitOfWork, sql: str) -> list[str]:
        return sorted(unit.execute(sa.text(sql)).scalars())

    def _contact(self, message_id: str, n: int) -> Contact:
        channel: Channel = self.chance.choice(("email", "sms", "voice", "chat"))
        if channel == "voice" and self.chance.random() < 0.3:
            line = f"+442079460{n % SHARED_LINES:03}"
            return Contact("voice", message_id, Sender(phone=line))
        further = Further(emails=(f"customer.{(n + 1) % self.customers}@example.com",))
        made = contact(channel, n, message_id)
        return made._replace(further=further) if self.chance.random() < 0.3 else made


def mix(url: str, organization_id: int, seed: int, seconds: float, customers: int, agent_id: str) -> Mix:
    """Brings contacts, merges, detaches, undoes, edits, writes and dismisses at random for so many seconds."""
    with opened(url) as database:
        mixer, end = _Mixer(database, organization_id, seed, customers, agent_id), time.monotonic() + seconds
        while time.monotonic() < end:
            mixer.one_step()
    return mixer.did
