"""A merge, a detach and an undo that are killed at every one of their statements: all or nothing (MRG-10).

The work is done by a process that counts its statements at the driver, commit among them, and sends itself SIGKILL
before one of them; on PostgreSQL also the server ends the session before one of them. Whatever the moment, the base is
what it was before, to the last byte of every row, until the commit has been made, and then it is what follows it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
import pytest
import sqlalchemy as sa

from onefold.accounts.service import add_agent
from onefold.audit import service as audit
from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations.drafts import Composed
from onefold.conversations.service import Written
from onefold.core.errors import Conflict, DomainError, NotFound, Unavailable
from onefold.database.engine import UnitOfWork
from onefold.database.tables import metadata
from onefold.database.transactions import run_in_transaction
from onefold.merging import detach as detaching
from onefold.merging import service as merging
from onefold.merging import undo as undoing
from onefold.merging.service import MergeRequest
from onefold.profiles import parts, store
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Answer, Contact, Further, ListedPhone, Sender
from onefold.suggestions import service as suggestions
from tests.conftest import Base
from tests.dsl.words import COMMAND
from tests.invariants import check_base
from tests.races.killing import AFTER_COMMIT, Counting, Rehearsed, counted, killing, moments_of
from tests.races.workers import ACTOR

_AT_ONCE = 8


class Work(NamedTuple):
    """One of the three, with its arguments."""

    kind: str
    arguments: tuple[str, ...]

    def do(self, unit: UnitOfWork) -> object:
        return _KINDS[self.kind](unit, *self.arguments)


_KINDS: dict[str, Callable[..., object]] = {
    "merge": lambda unit, source, destination, agent_id: merging.merge(
        unit, MergeRequest(source, destination, agent_id=agent_id), ACTOR
    ),
    "detach": lambda unit, profile_id, point_id: detaching.detach(unit, profile_id, point_id, None, ACTOR, None),
    "undo": lambda unit, merge_id: undoing.undo(unit, merge_id, None, ACTOR),
}

# What is there --------------------------------------------------------------------------------------------------------

Rows = dict[str, list[str]]


def dump(unit: UnitOfWork) -> Rows:
    """Every row of every table."""
    unit.allow_whole_base()
    tables = [t for t in metadata.sorted_tables if t.name != "attachments"]
    return {t.name: sorted(str(dict(row._mapping)) for row in unit.execute(sa.select(t))) for t in tables}


def dump_of(base: Base) -> Rows:
    with base.database.read(base.organization_id) as unit:
        return dump(unit)


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_DIFFERS = re.compile(
    r"datetime\.datetime\([^)]*\)\)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?"
    r"|'(?:hash|salt|record_hash)': '[0-9a-f]+'|'(?:seq|event_seq|timeline_second)': \d+"
)


def alike(rows: Rows, known: set[str]) -> Rows:
    """A dump without what differs from one run to the next: times, hashes, sequences, and the ids that are new."""

    def plain(row: str) -> str:
        return _DIFFERS.sub("*", _ID.sub(lambda match: match[0] if match[0] in known else "new", row))

    return {table: sorted(plain(row) for row in of_table) for table, of_table in rows.items()}


def rehearse(base: Base, work: Work) -> Rows:
    """What the base would be after the work, which is done and taken back."""
    dumps: list[Rows] = []

    def rehearsal(unit: UnitOfWork) -> None:
        work.do(unit)
        dumps.append(dump(unit))
        raise Rehearsed

    with pytest.raises(Rehearsed):
        run_in_transaction(base.database, base.organization_id, rehearsal)
    return dumps[0]


# Two customers with something of everything ---------------------------------------------------------------------------


class Scene(NamedTuple):
    """Two profiles that have everything that a merge moves, others who know them, and the agent who merges."""

    base: Base
    source: str
    destination: str
    agent_id: str

    def do(self, work: Callable[[UnitOfWork], Any]) -> Any:
        return run_in_transaction(self.base.database, self.base.organization_id, work)

    def arrives(self, channel: Any, message_id: str, sender: Sender, **more: Any) -> str:
        [answer] = self.base.receiver.receive(
            self.base.organization_id, [Contact(channel, message_id, sender, body="Hello", **more)]
        )
        assert isinstance(answer, Answer)
        return answer.profile_id

    def point(self, profile_id: str, value: str) -> str:
        with self.base.database.read(self.base.organization_id) as unit:
            points = profiles.read(unit, profile_id).points
        return next(p.contact_point_id for p in points if p.value == value)


HOME = Further(phones=(ListedPhone("+442079460000", "home"),))
ADA, AUGUSTA = Sender(email="ada.lovelace@gmail.com", name="Ada Lovelace"), Sender(email="a.lovelace@gmail.com")


@pytest.fixture
def scene(base: Base) -> Scene:
    """Ada, who wrote by email and called, and Augusta, whom one more profile has been merged into already."""
    new_scene = Scene(base, "", "", "")
    lin, may = (
        new_scene.do(lambda u, n=name: add_agent(u, f"{n}@example.com", n, "agent", COMMAND)).id
        for name in ("lin", "may")
    )
    ada = new_scene.arrives("email", "1", ADA, further=HOME)
    augusta = new_scene.arrives("email", "2", AUGUSTA, further=HOME)
    former = new_scene.arrives("sms", "3", Sender(phone="+447700900001"))
    friend = new_scene.arrives("email", "4", Sender(email="adalovelace+x@googlemail.com"), further=HOME)
    new_scene.do(lambda u: merging.merge(u, MergeRequest(former, augusta), ACTOR))
    for number, (profile_id, assignee) in enumerate(((ada, lin), (augusta, may))):
        new_scene.do(lambda u, p=profile_id, a=assignee, n=number: _furnish(u, p, a, friend, n))
    new_scene.do(lambda u: suggestions.no_match(u, augusta, friend, ACTOR))
    return new_scene._replace(source=augusta, destination=ada, agent_id=lin)


def _furnish(unit: UnitOfWork, profile_id: str, assignee_id: str, friend: str, number: int) -> None:
    profiles.edit(unit, profile_id, {"username": f"name{number}", "attributes": {"tier": f"{number}"}}, None)
    profiles.add_point(unit, profile_id, PointInput("email", f"second.{number}@example.com", main=True), None)
    parts.add_part(unit, store.DETAILS, profile_id, {"key": "shoe size", "value": f"4{number}"}, None)
    parts.add_part(unit, store.ADDRESSES, profile_id, {"street": f"{number} Main Street", "city": "London"}, None)
    parts.relate(unit, profile_id, friend, "colleague", None)
    drafts.create(unit, profile_id, assignee_id, Composed("note", f"begun {number}"))
    item = conversations.write(unit, profile_id, Written(f"note {number}"), assignee_id)
    conversations.change(
        unit, str(item.conversation_id), inbox_id=None, assignee_id=assignee_id, unassign=False, state=None
    )


def a_merge(scene: Scene) -> tuple[Work, type[DomainError]]:
    return Work("merge", (scene.source, scene.destination, scene.agent_id)), Conflict


def a_detach(scene: Scene) -> tuple[Work, type[DomainError]]:
    """Out of a merged profile: one conversation is split, another goes whole."""
    scene.do(lambda u: merging.merge(u, MergeRequest(scene.source, scene.destination), ACTOR))
    scene.arrives("email", "5", AUGUSTA)
    return Work("detach", (scene.destination, scene.point(scene.destination, "a.lovelace@gmail.com"))), NotFound


def an_undo(scene: Scene) -> tuple[Work, type[DomainError]]:
    """Of a merge after which both have written again."""
    row, _ = scene.do(lambda u: merging.merge(u, MergeRequest(scene.source, scene.destination), ACTOR))
    scene.arrives("email", "5", AUGUSTA)
    scene.arrives("email", "6", ADA)
    return Work("undo", (row.id,)), Conflict


each_work = pytest.mark.parametrize("prepared", [a_merge, a_detach, an_undo])
each_moment = pytest.mark.parametrize(
    "every", [pytest.param(False, id="changes"), pytest.param(True, marks=pytest.mark.soak, id="statements")]
)
Prepare = Callable[[Scene], tuple[Work, type[DomainError]]]

# The killing ---------------------------------------------------------------------------------------------------------


@each_work
@each_moment
def test_a_process_killed_at_any_statement_leaves_the_base_as_before_or_as_after_MRG_10(
    scene: Scene, prepared: Prepare, every: bool
) -> None:
    base, (work, refusal) = scene.base, prepared(scene)
    before = dump_of(base)
    known = set(_ID.findall(str(before)))
    after = alike(rehearse(base, work), known)

    with killing(base.url, base.organization_id, work.do, every) as killer:
        for n in range(0, len(killer.moments), _AT_ONCE):
            some = killer.moments[n : n + _AT_ONCE]
            killer.kill(*some)
            # Nothing mends a base in between, so what one of them has spoilt is seen after all of them.
            assert dump_of(base) == before, f"killed before the statements {some}"
        assert alike(rehearse(base, work), known) == after, "killed so often, it can be done as if for the first time"
        killer.kill(AFTER_COMMIT)

    _check_done(base, work, refusal, after, known)


def _check_done(base: Base, work: Work, refusal: type[DomainError], after: Rows, known: set[str]) -> None:
    assert alike(dump_of(base), known) == after
    with pytest.raises(refusal):  # found done
        run_in_transaction(base.database, base.organization_id, work.do)
    check_base(base.database, base.organization_id)
    with base.database.read(base.organization_id) as unit:
        assert audit.verify(unit).wrong is None


@each_work
@each_moment
@pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)
def test_a_session_ended_at_any_statement_is_unavailable_and_nothing_has_changed_MRG_10(
    scene: Scene, prepared: Prepare, every: bool, postgres_server: str
) -> None:
    base, (work, refusal) = scene.base, prepared(scene)
    database = counted(base.url)
    before, moments = dump_of(base), moments_of(database, base.organization_id, work.do, every)
    known = set(_ID.findall(str(before)))
    after = alike(rehearse(base, work), known)

    with psycopg.connect(postgres_server, autocommit=True) as superuser:

        def end_session(connection: Any) -> None:
            pid = connection.info.backend_pid
            superuser.execute("SELECT pg_terminate_backend(%s)", (pid,))
            while superuser.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
                time.sleep(0.001)

        for at in moments:
            database.ping()
            Counting(at, end_session)
            with pytest.raises(Unavailable) as refused:
                run_in_transaction(database, base.organization_id, work.do)
            Counting.now = None
            assert refused.value.code == "database_unavailable"
            assert dump_of(base) == before, f"ended before statement {at}"
    run_in_transaction(database, base.organization_id, work.do)
    database.dispose()

    _check_done(base, work, refusal, after, known)
