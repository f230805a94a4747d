"""Many processes merge, take apart and write to the same customers at the same instant: one clear outcome for each.

What was acknowledged is on a living profile's timeline; no id leads in a circle, and nothing is left with the dead.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from onefold.accounts.service import add_agent
from onefold.audit import service as audit
from onefold.contact_points.kinds import Channel
from onefold.conversations import service as conversations
from onefold.database.transactions import run_in_transaction
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Answer, Contact, Further
from tests.conftest import Base
from tests.dsl.words import COMMAND, show
from tests.invariants import check_base
from tests.races.processes import Job, at_once
from tests.races.workers import Did, Mix, Step, contact, mix, mobile, rounds_at_once

ROUNDS = 5


def rows(base: Base, sql: str) -> list[tuple[object, ...]]:
    with base.database.read(base.organization_id) as unit:
        unit.allow_whole_base()
        return [tuple(row) for row in unit.execute(sa.text(sql))]


def customers(base: Base, number: int, first: int = 0, channel: Channel = "email") -> list[str]:
    """So many new profiles, each with one contact point and an open conversation."""
    contacts = [contact(channel, first + n, f"first-{channel}-{first + n}") for n in range(number)]
    answers = base.receiver.receive(base.organization_id, contacts)
    return [answer.profile_id for answer in answers if isinstance(answer, Answer)]


def agent(base: Base) -> str:
    return run_in_transaction(
        base.database, base.organization_id, lambda unit: add_agent(unit, "lin@example.com", "Lin", "agent", COMMAND)
    ).id


def race(base: Base, *columns: Sequence[Step | None]) -> list[tuple[Did | None, ...]]:
    """Each row's steps at once, each by a process of its own; how they ended, row by row. The base is sound after."""
    ended = rounds_at_once(base.url, base.organization_id, columns)
    check_whole(base)
    return list(zip(*ended, strict=True))


def codes(ended: Sequence[tuple[Did | None, ...]]) -> Counter[tuple[str, ...]]:
    """How often the steps of a row ended in which way."""
    return Counter(tuple(did.code for did in row if did is not None) for row in ended)


def check_whole(base: Base) -> None:
    """Every rule of the base; nothing is left with the dead; the audit log is whole and tells of every merge."""
    check_base(base.database, base.organization_id)
    assert [row for sql in _LEFT_WITH_THE_DEAD for row in rows(base, sql)] == []
    with base.database.read(base.organization_id) as unit:
        assert audit.verify(unit).wrong is None
    actions = Counter(action for (action,) in rows(base, "SELECT action FROM audit"))
    assert rows(base, "SELECT count(*), count(undone_at) FROM merges") == [
        (actions["profile.merged"], actions["profile.unmerged"])
    ]
    standing = "SELECT source_id FROM merges WHERE undone_at IS NULL ORDER BY source_id"
    merged_away = rows(base, "SELECT id FROM profiles WHERE survivor_id IS NOT NULL ORDER BY id")
    assert merged_away == rows(base, standing), "whoever is gone went by one merge that stands"
    _check_redirects(base)


_LEFT_WITH_THE_DEAD = [
    f"SELECT '{table}', p.id FROM {table} AS x JOIN profiles AS p ON p.id = x.{side} WHERE p.survivor_id IS NOT NULL"
    for table, sides in {
        "contact_points": ("profile_id",),
        "details": ("profile_id",),
        "addresses": ("profile_id",),
        "drafts": ("profile_id",),
        "search_terms": ("profile_id",),
        "evidence": ("profile_id", "other_id"),
        "suggestions": ("profile_id", "other_id"),
    }.items()
    for side in sides
]


def _check_redirects(base: Base) -> None:
    """EVT-2: the way of every id along the merges that stand ends, where its redirect says."""
    steps = dict(rows(base, "SELECT source_id, destination_id FROM merges WHERE undone_at IS NULL"))
    for profile_id, survivor_id in rows(base, "SELECT id, survivor_id FROM profiles"):
        at, seen = profile_id, {profile_id}
        while at in steps:
            at = steps[at]
            assert at not in seen, "merges lead in a circle"
            seen.add(at)
        assert survivor_id == (None if at == profile_id else at)


def check_on_timelines(base: Base, messages: Sequence[str], texts: Sequence[str]) -> None:
    """Each message and note is on exactly one living profile's timeline, once."""
    counts = Counter[str]()
    with base.database.read(base.organization_id) as unit:
        unit.allow_whole_base()
        for (profile_id,) in unit.execute(sa.text("SELECT id FROM profiles WHERE survivor_id IS NULL")).all():
            items = conversations.timeline(unit, profile_id, None, 1_000_000)
            counts.update(item.message_id or item.body or "" for item in items if item.kind != "event")
    assert [name for name in (*messages, *texts) if counts[name] != 1] == []


# Two or three at one pair ---------------------------------------------------------------------------------------------


def test_of_two_merges_in_opposite_directions_one_wins_and_the_other_is_told_so_MRG_15(base: Base) -> None:
    """100 pairs, two processes released at once for each."""
    profiles = customers(base, 200)
    pairs = list(zip(profiles[::2], profiles[1::2], strict=True))

    ended = race(base, [("merge", a, b) for a, b in pairs], [("merge", b, a) for a, b in pairs])

    assert set(codes(ended)) == {("done", "merged_away"), ("merged_away", "done")}, codes(ended)
    assert rows(base, "SELECT count(*) FROM profiles WHERE survivor_id IS NULL") == [(100,)]
    assert rows(base, "SELECT count(*) FROM conversations WHERE state = 'open'") == [(100,)]


def test_of_many_who_merge_the_same_pair_one_does_MRG_15(base: Base) -> None:
    profiles = customers(base, 2 * ROUNDS)
    pairs = [("merge", a, b) for a, b in zip(profiles[::2], profiles[1::2], strict=True)]

    ended = race(base, *[pairs] * 5)

    assert all(sorted(row) == ["done", *["merged_away"] * 4] for row in codes(ended)), codes(ended)


def test_a_circle_of_three_merges_at_once_ends_in_one_profile_MRG_15_EVT_2(base: Base) -> None:
    """A→B, B→C, C→A: whoever is last finds its source or destination gone; all three are one customer."""
    a, b, c = (customers(base, 20, first) for first in (0, 50, 100))

    ended = race(
        base,
        [("merge", one, other) for one, other in zip(a, b, strict=True)],
        [("merge", one, other) for one, other in zip(b, c, strict=True)],
        [("merge", one, other) for one, other in zip(c, a, strict=True)],
    )

    assert all(sorted(row) == ["done", "done", "merged_away"] for row in codes(ended)), codes(ended)
    assert rows(base, "SELECT count(*) FROM profiles WHERE survivor_id IS NULL") == [(20,)]


def test_many_merge_into_one_customer_at_once_and_all_do_MRG_16(base: Base) -> None:
    destinations = customers(base, 10)
    sources = [customers(base, 10, 100 * n) for n in range(1, 5)]

    ended = race(base, *([("merge", s, d) for s, d in zip(own, destinations, strict=True)] for own in sources))

    assert set(codes(ended)) == {("done",) * 4}, codes(ended)


def test_of_two_who_undo_the_same_merge_one_does_MRG_13(base: Base) -> None:
    profiles = customers(base, 2 * ROUNDS)
    pairs = [("merge", a, b) for a, b in zip(profiles[::2], profiles[1::2], strict=True)]
    undoings = [("undo", row[0].value) for row in race(base, pairs) if row[0] is not None]

    ended = race(base, undoings, undoings)

    assert set(codes(ended)) <= {("done", "undone"), ("undone", "done")}, codes(ended)
    assert rows(base, "SELECT count(*) FROM profiles WHERE survivor_id IS NOT NULL") == [(0,)]


# A merge, and what others do to either side ---------------------------------------------------------------------------


def test_whatever_arrives_at_either_side_of_a_merge_is_on_its_timeline_MRG_2_MRG_9_MRG_10(base: Base) -> None:
    """Messages, calls, notes and drafts, at the source and at the destination, while the two are merged."""
    sources, destinations, lin = customers(base, ROUNDS), customers(base, ROUNDS, channel="sms"), agent(base)

    ended = race(
        base,
        [("merge", a, b) for a, b in zip(sources, destinations, strict=True)],
        [("contact", contact("email", n, f"to-source-{n}")) for n in range(ROUNDS)],
        [("contact", contact("voice", n, f"to-destination-{n}")) for n in range(ROUNDS)],
        [("note", a, f"note-{n}") for n, a in enumerate(sources)],
        [("draft", a, lin, f"draft-{n}") for n, a in enumerate(sources)],
        [("draft", b, lin, f"other-draft-{n}") for n, b in enumerate(destinations)],
    )

    assert set(codes(ended)) == {("done",) * 6}, codes(ended)
    messages = [f"{where}-{n}" for where in ("to-source", "to-destination") for n in range(ROUNDS)]
    check_on_timelines(base, messages, [f"note-{n}" for n in range(ROUNDS)])
    draft_owners = rows(base, "SELECT d.profile_id FROM drafts AS d JOIN profiles AS p ON p.id = d.profile_id")
    assert Counter(draft_owners) == {(b,): 2 for b in destinations}


def test_a_draft_that_is_saved_while_its_profile_is_merged_keeps_both_its_text_and_its_place_MRG_9(base: Base) -> None:
    sources, destinations, lin = customers(base, ROUNDS), customers(base, ROUNDS, channel="sms"), agent(base)
    written = race(base, [("draft", a, lin, "begun") for a in sources])
    saved = [[("save", row[0].value, lin, f"{k}-{n}") for n, row in enumerate(written) if row[0]] for k in range(2)]

    ended = race(base, [("merge", a, b) for a, b in zip(sources, destinations, strict=True)], *saved)

    assert set(codes(ended)) == {("done",) * 3}, codes(ended)
    draft_rows = rows(base, "SELECT profile_id, body FROM drafts ORDER BY id")
    assert [profile_id for profile_id, _ in draft_rows] == destinations
    assert all(body in (f"0-{n}", f"1-{n}") for n, (_, body) in enumerate(draft_rows))


def test_a_contact_point_is_detached_while_its_profile_is_merged_DET_2_MRG_15(base: Base) -> None:
    """From the source, from the destination, or from what they have become."""
    sources, destinations, others = (customers(base, ROUNDS, first) for first in (0, 100, 200))
    points = [
        race(base, [("add_point", p, PointInput("email", f"second.{k}.{n}@example.com")) for n, p in enumerate(ids)])
        for k, ids in enumerate((sources, destinations))
    ]

    ended = race(
        base,
        [("merge", a, b) for a, b in zip(sources, destinations, strict=True)],
        [("detach", a, row[0].value) for a, row in zip(sources, points[0], strict=True) if row[0]],
        [("detach", b, row[0].value) for b, row in zip(destinations, points[1], strict=True) if row[0]],
        [("merge", b, c) for b, c in zip(destinations, others, strict=True)],
    )

    assert all(row[1:3] == ("done", "done") and "done" in (row[0], row[3]) for row in codes(ended)), codes(ended)
    assert set(codes(ended)) <= {("done",) * 4, ("merged_away", "done", "done", "done")}, codes(ended)
    detached = rows(base, "SELECT count(DISTINCT profile_id) FROM contact_points WHERE value LIKE 'second.%'")
    assert detached == [(2 * ROUNDS,)]


def test_a_merge_is_undone_while_the_profile_is_merged_on_and_its_customer_writes_MRG_13(base: Base) -> None:
    sources, destinations, others = (customers(base, ROUNDS, first) for first in (0, 100, 200))
    merged = race(base, [("merge", a, b) for a, b in zip(sources, destinations, strict=True)])

    ended = race(
        base,
        [("undo", row[0].value) for row in merged if row[0]],
        [("merge", b, c) for b, c in zip(destinations, others, strict=True)],
        [("contact", contact("email", n, f"to-source-{n}")) for n in range(ROUNDS)],
        [("contact", contact("email", 100 + n, f"to-destination-{n}")) for n in range(ROUNDS)],
    )

    assert set(codes(ended)) == {("done",) * 4}, codes(ended)
    expected = {(a, None) for a in sources} | set(zip(destinations, others, strict=True)) | {(c, None) for c in others}
    assert set(rows(base, "SELECT id, survivor_id FROM profiles")) == expected
    check_on_timelines(base, [f"{who}-{n}" for who in ("to-source", "to-destination") for n in range(ROUNDS)], [])


def test_no_match_is_said_while_the_two_are_merged_SUG_4_MRG_15(base: Base) -> None:
    """One of the two holds: the merge is refused for what was just said, or the two are one already (MRG-12)."""
    sources, destinations = customers(base, ROUNDS), customers(base, ROUNDS, 100)

    ended = race(
        base,
        [("merge", a, b) for a, b in zip(sources, destinations, strict=True)],
        [("no_match", a, b) for a, b in zip(sources, destinations, strict=True)],
    )

    assert set(codes(ended)) <= {("no_match_said", "done"), ("done", "same_profile")}, codes(ended)


def test_both_sides_are_edited_by_hand_while_they_are_merged_MRG_2_PRO_8(base: Base) -> None:
    sources, destinations, others = (customers(base, ROUNDS, first) for first in (0, 100, 200))

    ended = race(
        base,
        [("merge", a, b) for a, b in zip(sources, destinations, strict=True)],
        [("add_point", a, PointInput("email", f"new.{n}@example.com")) for n, a in enumerate(sources)],
        [("relate", a, b, "spouse") for a, b in zip(sources, destinations, strict=True)],
        [("relate", c, a, "parent") for a, c in zip(sources, others, strict=True)],
        [("rename", a, f"Renamed {n}") for n, a in enumerate(sources)],
    )

    assert set(codes(ended)) <= {("done",) * 5, ("done", "done", "same_profile", "done", "done")}, codes(ended)
    sql = "SELECT profile_id FROM contact_points WHERE value LIKE 'new.%' ORDER BY value"
    assert {profile_id for (profile_id,) in rows(base, sql)} == set(destinations)
    seen = {one: [(r.profile_id, r.kind) for r in show(base, one).relationships] for one in destinations}
    assert seen == {one: [(other, "child")] for one, other in zip(destinations, others, strict=True)}


def test_who_is_suggested_at_the_instant_of_its_merge_is_suggested_as_what_it_has_become_SUG_1_MRG_2(
    base: Base,
) -> None:
    """A third customer's message brings an address of the source: evidence for the destination, whoever was first."""
    sources, destinations = customers(base, ROUNDS), customers(base, ROUNDS, 100)
    brings = [
        Contact("sms", f"brings-{n}", contact("sms", n, "").sender, further=Further((f"customer.{n}@example.com",)))
        for n in range(ROUNDS)
    ]

    ended = race(
        base,
        [("merge", a, b) for a, b in zip(sources, destinations, strict=True)],
        [("contact", c) for c in brings],
        [("contact", c._replace(message_id=f"again-{c.message_id}")) for c in brings],
    )

    assert set(codes(ended)) == {("done",) * 3}, codes(ended)
    holders = dict(rows(base, "SELECT value, profile_id FROM contact_points WHERE kind = 'phone'"))
    pairs = {tuple(sorted((str(holders[mobile(n)]), b))) for n, b in enumerate(destinations)}
    assert set(rows(base, "SELECT profile_id, other_id FROM evidence")) == pairs
    assert set(rows(base, "SELECT profile_id, other_id FROM suggestions WHERE state = 'open'")) == pairs


# Everything at once ---------------------------------------------------------------------------------------------------

DOCUMENTED = {
    "done",
    "merged_away",
    "merge_refused",
    "contact_point_not_found",
    "only_contact_point",
    "undone",
    "contact_point_taken",
    "contact_point_listed",
    "relationship_present",
    "same_profile",
    "no_verdict",
    "no_match_said",
}


@pytest.mark.parametrize(("workers", "seconds"), [(8, 4), pytest.param(32, 180, marks=pytest.mark.soak, id="soak")])
def test_everything_at_once_loses_nothing_and_meets_only_documented_refusals_MRG_10_MRG_15(
    base: Base, workers: int, seconds: float
) -> None:
    """Contacts, merges, detachings, undoings, verdicts, edits, notes and drafts at random on forty customers."""
    customers(base, 40)
    lin = agent(base)

    did: list[Mix] = at_once(
        [Job(mix, (base.url, base.organization_id, seed, seconds, 40, lin)) for seed in range(workers)]
    )

    _report(base, did, seconds)
    ended = sum((d.ended for d in did), Counter[tuple[str, str]]())
    # Where 32 wait in one line, some wait for longer than storage lets them, are told to come again, and do.
    busy = {"database_busy"} if base.database.is_sqlite or workers > 8 else set()
    assert {code for _, code in ended} <= DOCUMENTED | busy, ended
    check_whole(base)
    check_on_timelines(base, [m for d in did for m in d.messages], [note for d in did for note in d.notes])
    drafts = {draft_id: text for d in did for draft_id, text in d.drafts.items()}
    assert dict(rows(base, "SELECT id, body FROM drafts")) == drafts


def _report(base: Base, did: Sequence[Mix], seconds: float) -> None:
    """What happened, for who runs this with -s."""
    ended = sum((d.ended for d in did), Counter[tuple[str, str]]())
    tries = sum((d.tries for d in did), Counter[tuple[str, int]]())
    words = sorted({word for word, _ in ended})
    for word in words:
        of_word = {code: n for (w, code), n in ended.items() if w == word}
        again = {n: times for (w, n), times in sorted(tries.items()) if w == word}
        slowest = max(d.slowest.get(word, 0) for d in did)
        print(f"\n{word:10} {json.dumps(of_word)} tries {again} slowest {slowest:.2f} s", end="")
    print(f"\n{sum(ended.values()) / seconds:.0f} steps a second", end="")
    if not base.database.is_sqlite:
        print(rows(base, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
