"""Relationships through merges and undos: each is what it was entered as, between whom its two are today (PRO-8)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest

from onefold.core.errors import Conflict, NotFound
from onefold.profiles import parts
from tests.conftest import Base
from tests.dsl.words import do, merge, profile, relate, rows, show, undo
from tests.invariants import check_base

MERGES = {
    "a chain, from its end": [(3, 2), (2, 1)],
    "a chain, from its head": [(2, 1), (1, 0)],
    "two pairs": [(0, 1), (3, 2)],
    "two into one": [(1, 0), (2, 0)],
    "two pairs, then one": [(1, 0), (3, 2), (2, 0)],
}
ENTERED = [
    [(0, 3), (1, 3)],
    [(3, 0), (3, 1)],
    [(0, 1), (0, 2)],
    [(0, 2), (1, 2)],
    [(0, 1), (2, 3)],
    [(0, 2), (1, 3)],
    [(0, 1), (1, 2), (2, 3), (3, 0)],
]


def seen_today(entered: Sequence[tuple[int, int]], lives_in: Mapping[int, int]) -> dict[int, set[tuple[int, str]]]:
    seen: dict[int, set[tuple[int, str]]] = {who: set() for who in lives_in.values()}
    for one, other in entered:
        one, other = lives_in[one], lives_in[other]
        if one != other:
            seen[one].add((other, "parent"))
            seen[other].add((one, "child"))
    return seen


def lives_in(merges: Sequence[tuple[int, int]]) -> dict[int, int]:
    leads = dict(merges)
    ends = {}
    for who in range(4):
        at = who
        while at in leads:
            at = leads[at]
        ends[who] = at
    return ends


@pytest.mark.parametrize("shape", MERGES)
def test_they_are_between_whom_the_two_are_whatever_was_merged_and_undone__MRG_3_MRG_13(base: Base, shape: str) -> None:
    merges = MERGES[shape]
    for entered, order in itertools.product(ENTERED, itertools.permutations(merges)):
        ids = [profile(base, name=f"Customer {n}") for n in range(4)]
        for one, other in entered:
            relate(base, ids[one], ids[other], "parent")
        made = {pair: merge(base, ids[pair[0]], ids[pair[1]]) for pair in merges}
        standing = list(merges)
        for pair in [None, *order]:
            if pair is not None:
                undo(base, made[pair].id)
                standing.remove(pair)
            numbers = {profile_id: number for number, profile_id in enumerate(ids)}
            expected = seen_today(entered, lives_in(standing))
            views = {who: show(base, ids[who]).relationships for who in expected}
            there = {who: sorted((numbers[r.profile_id], r.kind) for r in seen) for who, seen in views.items()}
            assert there == {who: sorted(seen) for who, seen in expected.items()}, (entered, order, standing)
    check_base(base.database, base.organization_id)


@pytest.mark.parametrize("by", ["the one seen", "the one it stands for"])
def test_taken_away_after_a_merge_it_is_gone_with_those_it_had_become_one_with__PRO_8(base: Base, by: str) -> None:
    ada, bob, eve = (profile(base, name=name) for name in ("Ada", "Bob", "Eve"))
    relationship_ids = [
        do(base, lambda unit, one=one: parts.relate(unit, one, eve, "friend", None)) for one in (ada, bob)
    ]
    made = merge(base, bob, ada)
    assert [r.id for r in show(base, ada).relationships] == relationship_ids[:1]
    taken = relationship_ids[0 if by == "the one seen" else 1]
    do(base, lambda unit: parts.unrelate(unit, eve, taken, None))
    assert rows(base, "SELECT id FROM relationships") == []
    undone = undo(base, made.id)
    assert undone.plan.gone == (("relationship", relationship_ids[1]),)
    assert [show(base, one).relationships for one in (ada, bob, eve)] == [[], [], []]


def test_one_between_the_two_cannot_be_taken_away_while_nobody_sees_it__MRG_3(base: Base) -> None:
    ada, bob, eve = (profile(base, name=name) for name in ("Ada", "Bob", "Eve"))
    relationship_id = do(base, lambda unit: parts.relate(unit, ada, bob, "spouse", None))
    made = merge(base, bob, ada)
    for profile_id in (ada, eve):
        with pytest.raises(NotFound):
            do(base, lambda unit, one=profile_id: parts.unrelate(unit, one, relationship_id, None))
    undo(base, made.id)
    assert [r.profile_id for one in (ada, bob) for r in show(base, one).relationships] == [bob, ada]


@pytest.mark.parametrize(("kind", "again"), [("parent", "parent"), ("parent", "child"), ("boss", "boss of")])
def test_what_a_merge_has_brought_is_not_entered_twice__PRO_8(base: Base, kind: str, again: str) -> None:
    ada, bob, eve, fay = (profile(base, name=name) for name in ("Ada", "Bob", "Eve", "Fay"))
    relate(base, bob, fay, kind)
    merge(base, bob, ada)
    merge(base, fay, eve)
    for one, other in ((ada, eve), (eve, ada), (bob, fay)):
        with pytest.raises(Conflict, match="this relationship already"):
            relate(base, one, other, again)
