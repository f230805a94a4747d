"""What is true of every base at every moment, whatever has happened to it: pure reads, one select a rule."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from typing import Any

import sqlalchemy as sa

from onefold.audit import service as audit
from onefold.database.engine import Database, UnitOfWork
from onefold.matching.scoring import handle_key, keys_of_point
from onefold.organizations.store import load_policy
from onefold.profiles.search import search_terms

# Each select finds what breaks its rule. A value on the blocklist is plain text (PRO-12) and breaks none.
_EVIDENCE = """
    cp.organization_id = :org AND NOT EXISTS (
        SELECT 1 FROM blocklist AS b WHERE b.organization_id = :org AND b.kind = cp.kind AND b.value = cp.value)
"""
_LISTED_MODE = "(SELECT matching_mode FROM organizations WHERE id = :org) = 'listed'"
_UNIQUE_KIND = "(cp.kind IN ('email', 'social', 'visitor') OR cp.phone_type = 'mobile')"
_SURVIVOR = "SELECT coalesce(p.survivor_id, p.id) FROM profiles AS p WHERE p.organization_id = :org AND p.id ="

_OWNED = {
    "contact_points": ("profile_id",),
    "details": ("profile_id",),
    "addresses": ("profile_id",),
    "drafts": ("profile_id",),
    "search_terms": ("profile_id",),
    "match_keys": ("holder_id",),
    "evidence": ("profile_id", "other_id"),
    "suggestions": ("profile_id", "other_id"),
}


def _left_on(profile_id: str) -> str:
    """Whether a profile has anything that a merge moves."""
    return " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} AS x WHERE x.organization_id = :org AND x.{column} = {profile_id})"
        for table, columns in _OWNED.items()
        for column in columns
    )


def _holds(profile_id: str, value: str) -> str:
    """Whether a profile holds what a piece of evidence `e` says it does; of handles the keys are compared."""
    return f"""EXISTS (
        SELECT 1 FROM contact_points AS cp WHERE cp.organization_id = :org AND cp.profile_id = {profile_id}
        AND cp.kind = CASE e.kind WHEN 'similar_email' THEN 'email' ELSE e.kind END AND cp.value = {value})"""


RULES = {
    "PRO-3: at most one profile holds an identifying contact point": """
        SELECT kind, count(*) FROM contact_points WHERE organization_id = :org AND identifying
        GROUP BY kind, value HAVING count(*) > 1
    """,
    "PRO-3, RES-9: an email, mobile or social account is on one profile at most, where what is listed identifies": f"""
        SELECT cp.kind, count(*) FROM contact_points AS cp WHERE {_EVIDENCE} AND {_UNIQUE_KIND} AND {_LISTED_MODE}
        AND cp.standing <> 'claimed'
        GROUP BY cp.kind, cp.value HAVING count(*) > 1
    """,
    "RES-2, RES-9: an email, mobile or social account opens its profile, where what is listed identifies": f"""
        SELECT cp.kind, cp.id FROM contact_points AS cp
        WHERE {_EVIDENCE} AND {_UNIQUE_KIND} AND {_LISTED_MODE} AND NOT cp.identifying AND cp.standing <> 'claimed'
    """,
    "PRO-13: what is only claimed opens nothing": """
        SELECT kind, id FROM contact_points WHERE organization_id = :org AND identifying AND standing = 'claimed'
    """,
    "PRO-13: what was contacted from without a sender that had failed is known as contacted": """
        SELECT kind, id FROM contact_points WHERE organization_id = :org
        AND ((standing = 'contacted' AND NOT contacted) OR (standing = 'entered' AND contacted))
    """,
    "PRO-5, PRO-12: home, office and other phones, and values of the blocklist, open nothing": f"""
        SELECT cp.kind, cp.id FROM contact_points AS cp
        WHERE cp.organization_id = :org AND cp.identifying AND NOT (
            ({_EVIDENCE}) AND ({_UNIQUE_KIND} OR cp.kind = 'customer_id'))
    """,
    "PRO-1: at most one customer ID": """
        SELECT profile_id, count(*) FROM contact_points
        WHERE organization_id = :org AND kind = 'customer_id' AND current GROUP BY profile_id HAVING count(*) > 1
    """,
    "PRO-2: at most one Main email and one Main phone": """
        SELECT profile_id, kind FROM contact_points WHERE organization_id = :org AND main
        GROUP BY profile_id, kind HAVING count(*) > 1
    """,
    "PRO-2: phones have a type, and nothing else has": """
        SELECT kind, id FROM contact_points
        WHERE organization_id = :org AND (kind = 'phone') <> (phone_type IS NOT NULL)
    """,
    "MRG-2: nothing but its history is left on a profile merged away": f"""
        SELECT 'merged away', p.id FROM profiles AS p WHERE p.organization_id = :org AND p.survivor_id IS NOT NULL
        AND ({_left_on("p.id")})
    """,
    "EVT-2: a profile merged away leads to a living one, in one step": """
        SELECT gone.id, gone.survivor_id FROM profiles AS gone
        JOIN profiles AS survivor ON survivor.organization_id = :org AND survivor.id = gone.survivor_id
        WHERE gone.organization_id = :org AND survivor.survivor_id IS NOT NULL
    """,
    "at most one conversation of a profile is open, and its profile is living": """
        SELECT c.profile_id, count(*) FROM conversations AS c
        JOIN profiles AS p ON p.organization_id = :org AND p.id = c.profile_id
        WHERE c.organization_id = :org AND c.state = 'open'
        GROUP BY c.profile_id HAVING count(*) > 1 OR count(p.survivor_id) > 0
    """,
    "a closed conversation has its time of closing, an open one has none": """
        SELECT id, state FROM conversations
        WHERE organization_id = :org AND (state = 'open') <> (closed_at IS NULL)
    """,
    # An erased item is a number that SQLite must not count again, and nothing else.
    "MRG-2: every item is on a profile that leads to a living one": """
        SELECT i.seq, i.kind FROM items AS i
        LEFT JOIN profiles AS p ON p.organization_id = :org AND p.id = i.profile_id
        LEFT JOIN profiles AS s ON s.organization_id = :org AND s.id = coalesce(p.survivor_id, p.id)
        WHERE i.organization_id = :org AND i.kind <> 'erased' AND (s.id IS NULL OR s.survivor_id IS NOT NULL)
    """,
    "an item's conversation belongs to the item's profile; only events may do without one": f"""
        SELECT i.seq, i.kind FROM items AS i
        LEFT JOIN conversations AS c ON c.organization_id = :org AND c.id = i.conversation_id
        WHERE i.organization_id = :org AND (
            (i.conversation_id IS NULL AND i.kind NOT IN ('event', 'erased'))
            OR (i.conversation_id IS NOT NULL AND c.id IS NULL)
            OR ({_SURVIVOR} i.profile_id) <> ({_SURVIVOR} c.profile_id))
    """,
    "MRG-5: a conversation that became one with another is closed, and leads to it in one step": f"""
        SELECT c.id, c.state FROM conversations AS c
        LEFT JOIN conversations AS into_one ON into_one.organization_id = :org AND into_one.id = c.merged_into_id
        WHERE c.organization_id = :org AND c.merged_into_id IS NOT NULL AND (
            c.state <> 'closed' OR into_one.id IS NULL OR into_one.merged_into_id IS NOT NULL
            OR ({_SURVIVOR} c.profile_id) <> ({_SURVIVOR} into_one.profile_id))
    """,
    "MRG-3: a contact point that became one with another is gone, and leads in one step to what is not": """
        SELECT a.id, a.contact_point_id FROM absorbed_points AS a WHERE a.organization_id = :org AND (
            EXISTS (SELECT 1 FROM contact_points AS cp WHERE cp.organization_id = :org AND cp.id = a.id)
            OR EXISTS (SELECT 1 FROM absorbed_points AS b WHERE b.organization_id = :org AND b.id = a.contact_point_id))
    """,
    "PRO-8: a relationship is between two profiles": """
        SELECT id, kind FROM relationships WHERE organization_id = :org AND profile_id = other_id
    """,
    # What a contact brings and somebody else holds is not listed (RES-11): of equal values, one side's is enough.
    "SUG-1: evidence rests on values that are held": f"""
        SELECT e.kind, e.profile_id, e.other_id FROM evidence AS e
        WHERE e.organization_id = :org AND e.kind NOT IN ('handle', 'thread') AND (
            NOT ({_holds("e.profile_id", "e.value")} OR {_holds("e.other_id", "e.other_value")})
            OR (e.kind = 'similar_email'
                AND NOT ({_holds("e.profile_id", "e.value")} AND {_holds("e.other_id", "e.other_value")})))
    """,
    "SUG-1: equal values are equal, similar ones are not": """
        SELECT kind, profile_id FROM evidence
        WHERE organization_id = :org AND (kind = 'similar_email') <> (value <> other_value)
    """,
    "MRG-13: what is undone is over: its source leads nowhere by it": """
        SELECT m.id, m.source_id FROM merges AS m
        JOIN profiles AS p ON p.organization_id = :org AND p.id = m.source_id
        WHERE m.organization_id = :org AND m.undone_at IS NULL AND p.survivor_id IS NULL
    """,
    "RES-12: every delivery is there once": """
        SELECT channel, count(*) FROM items WHERE organization_id = :org AND message_id IS NOT NULL
        GROUP BY channel, message_id HAVING count(*) > 1
    """,
    "SUG-1: a suggestion is between two profiles": """
        SELECT profile_id, other_id FROM suggestions WHERE organization_id = :org AND profile_id >= other_id
    """,
}


def check_base(database: Database, organization_id: int) -> None:
    """Fails with every rule that the organization's base breaks, and where."""
    with database.read(organization_id) as unit:
        unit.allow_whole_base()
        broken = {rule: rows for rule, sql in RULES.items() if (rows := _found(unit, sql))}
        if wrong := _wrong_search_terms(unit):
            broken["MRG-1: what finds a profile is what it holds"] = wrong
        if owners := _told_in_audit(unit):
            broken["MRG-14: entries of the audit log hold no customer's values"] = owners
        broken |= {rule: rows for rule, look in _LOOKS.items() if (rows := look(unit))}
    assert not broken, "\n".join(f"{rule}: {rows[:5]}" for rule, rows in broken.items())


def _found(unit: UnitOfWork, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in unit.execute(_text(sql), {"org": unit.organization_id})]


@cache
def _text(sql: str) -> sa.TextClause:
    return sa.text(sql)


def _told_in_audit(unit: UnitOfWork) -> list[tuple[object, ...]]:
    """(kind, owner) of values that stand in an entry itself, where no erasure reaches them; plain ones are left out."""
    entries = "\n".join(str(d) for (d,) in _found(unit, "SELECT details FROM audit WHERE organization_id = :org"))
    points = _found(unit, "SELECT kind, profile_id, value FROM contact_points WHERE organization_id = :org")
    names = _found(unit, "SELECT 'name', id, name FROM profiles WHERE organization_id = :org AND name LIKE '% %'")
    telling = [row for row in (*points, *names) if row[0] != "customer_id"] if entries else []
    return [(kind, owner) for kind, owner, value in telling if json.dumps(value)[1:-1] in entries]


def _wrong_search_terms(unit: UnitOfWork) -> list[tuple[object, ...]]:
    """(profile, missing terms, terms too many) of living profiles whose index is not what they hold."""
    names = _found(unit, "SELECT id, name, username FROM profiles WHERE organization_id = :org AND survivor_id IS NULL")
    points, blocked, terms = defaultdict(list), set(), defaultdict(set)
    for kind, value in _found(unit, "SELECT kind, value FROM blocklist WHERE organization_id = :org"):
        blocked.add((kind, value))
    points_sql = "SELECT profile_id, kind, value, handle FROM contact_points WHERE organization_id = :org ORDER BY id"
    for profile_id, kind, value, handle in _found(unit, points_sql):
        points[profile_id].append((kind, value, handle))
    for profile_id, term in _found(unit, "SELECT profile_id, term FROM search_terms WHERE organization_id = :org"):
        terms[profile_id].add(term)
    former = defaultdict(list)
    former_sql = """
        SELECT s.survivor_id, m.former_name FROM merges AS m
        JOIN profiles AS s ON s.organization_id = m.organization_id AND s.id = m.source_id
        WHERE m.organization_id = :org AND m.undone_at IS NULL AND m.former_name IS NOT NULL ORDER BY m.id DESC
    """
    for profile_id, former_name in _found(unit, former_sql):
        former[profile_id].append(former_name)
    wrong: list[tuple[object, ...]] = []
    for profile_id, name, username in names:
        most = search_terms(name, username, points[profile_id], former[profile_id])
        # Whether text that is no evidence (PRO-12) can be searched for is left open.
        least = search_terms(
            name, username, [p for p in points[profile_id] if p[:2] not in blocked], former[profile_id]
        )
        if not least <= terms[profile_id] <= most:
            wrong.append((profile_id, sorted(least - terms[profile_id]), sorted(terms[profile_id] - most)))
    return wrong


def _wrong_chains(unit: UnitOfWork) -> list[tuple[object, ...]]:
    """Profiles merged away whose standing merges do not lead, one after the other, to their survivor."""
    merges = _found(
        unit, "SELECT source_id, destination_id FROM merges WHERE organization_id = :org AND undone_at IS NULL"
    )
    gone = _found(unit, "SELECT id, survivor_id FROM profiles WHERE organization_id = :org AND survivor_id IS NOT NULL")
    steps = dict(merges)
    wrong: list[tuple[object, ...]] = (
        [("merged away twice", len(merges) - len(steps))] if len(merges) > len(steps) else []
    )
    for profile_id, survivor_id in gone:
        at: object = profile_id
        for _ in merges:
            at = steps.get(at, at)
        if at != survivor_id or at == profile_id:
            wrong.append((profile_id, survivor_id, at))
    return wrong


def _wrong_suggestions(unit: UnitOfWork) -> list[tuple[object, ...]]:
    """Pairs whose suggestion is not what their evidence, and the verdicts on them, make it (SUG-4). Where there are so
    many profiles that a value may be, or have been, too common to suggest by (SUG-6), evidence need not suggest."""
    [(profiles,)] = _found(unit, "SELECT count(*) FROM profiles WHERE organization_id = :org")
    maybe_common = int(str(profiles)) > load_policy(unit).shared_limit
    recorded, dismissed = defaultdict(set), defaultdict(set)
    for low, high, kind in _found(unit, "SELECT profile_id, other_id, kind FROM evidence WHERE organization_id = :org"):
        recorded[low, high].add(kind)
    leads = dict(_found(unit, "SELECT id, coalesce(survivor_id, id) FROM profiles WHERE organization_id = :org"))
    standing = "SELECT profile_id, other_id, kinds FROM verdicts WHERE organization_id = :org AND withdrawn_at IS NULL"
    for one, other, kinds in _found(unit, standing):
        dismissed[frozenset((leads[one], leads[other]))].update(str(kinds).split())
    stored = _found(unit, "SELECT profile_id, other_id, kinds, state FROM suggestions WHERE organization_id = :org")
    unsuggested = set() if maybe_common else recorded.keys() - {row[:2] for row in stored}
    wrong: list[tuple[object, ...]] = [(*pair, "has none") for pair in unsuggested]
    for low, high, kinds, state in stored:
        suggested, known = set(str(kinds).split()), recorded[low, high]
        # A handle says nothing beside the same account, nor a similar email beside the same one.
        unsaid = known - suggested - {"handle", "similar_email"}
        said = bool(suggested) and suggested <= known and (maybe_common or not unsaid)
        if not said or (state == "open") != bool(suggested - dismissed[frozenset((low, high))]):
            wrong.append((low, high, sorted(known), sorted(suggested), state))
    return wrong


def _wrong_handles(unit: UnitOfWork) -> list[tuple[object, ...]]:
    """Evidence of handles that one of the two does not go by."""
    handles = defaultdict(set)
    accounts = "SELECT profile_id, handle FROM contact_points WHERE organization_id = :org AND handle IS NOT NULL"
    named = "SELECT id, username FROM profiles WHERE organization_id = :org AND username IS NOT NULL"
    for profile_id, handle in (*_found(unit, accounts), *_found(unit, named)):
        handles[profile_id].add(handle_key(str(handle)))
    evidence = "SELECT profile_id, other_id, value FROM evidence WHERE organization_id = :org AND kind = 'handle'"
    return [row for row in _found(unit, evidence) if row[2] not in handles[row[0]] & handles[row[1]]]


def _wrong_match_keys(unit: UnitOfWork) -> list[tuple[object, ...]]:
    """(holder, missing keys, keys too many) of what is not found by the keys of what it holds."""
    expected: dict[str, set[str]] = defaultdict(set)
    stored: dict[str, set[str]] = defaultdict(set)
    blocked = set()
    policy = load_policy(unit)
    points_sql = "SELECT id, kind, value, handle FROM contact_points WHERE organization_id = :org"
    for point_id, kind, value, handle in _found(unit, points_sql):
        expected[point_id] |= set(keys_of_point(kind, value, handle))
        if policy.blocklist.holds(kind, value):
            blocked.add(point_id)
    named = "SELECT id, username FROM profiles WHERE organization_id = :org AND survivor_id IS NULL AND username <> ''"
    for profile_id, username in _found(unit, named):
        expected[profile_id].add("h:" + handle_key(str(username)))
    for key, holder_id in _found(unit, "SELECT key, holder_id FROM match_keys WHERE organization_id = :org"):
        stored[holder_id].add(key)
    return [
        (
            holder_id,
            sorted(expected[holder_id] - stored[holder_id])[:3],
            sorted(stored[holder_id] - expected[holder_id])[:3],
        )
        for holder_id in {*expected, *stored} - blocked
        if expected[holder_id] != stored[holder_id]
    ]


def _wrong_audit(unit: UnitOfWork) -> list[tuple[object, ...]]:
    """Where the audit log does not verify."""
    verification = audit.verify(unit)
    return [] if verification.wrong is None else [(verification.first_wrong, verification.wrong)]


_LOOKS = {
    "EVT-2: the merges that stand lead every profile merged away to its survivor": _wrong_chains,
    "SUG-1, SUG-4: every suggestion is what its evidence and the verdicts on it make it": _wrong_suggestions,
    "SUG-1: evidence of handles rests on handles": _wrong_handles,
    "SUG-2: everything is found by the keys of what it holds": _wrong_match_keys,
    "MRG-14: the audit log verifies": _wrong_audit,
}
