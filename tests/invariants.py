"""What is true of every base at every moment, whatever has happened to it: pure reads, one select a rule."""

from __future__ import annotations

import json
from collections import defaultdict

import sqlalchemy as sa

from onefold.domain.search import search_terms
from onefold.storage.database import Database, Unit

# Each select finds what breaks its rule. A value on the blocklist is plain text (PRO-12) and breaks none.
_EVIDENCE = """
    cp.organization_id = :org AND NOT EXISTS (
        SELECT 1 FROM blocklist AS b WHERE b.organization_id = :org AND b.kind = cp.kind AND b.value = cp.value)
"""
_LISTED_MODE = "(SELECT matching_mode FROM organizations WHERE id = :org) = 'listed'"
_UNIQUE_KIND = "(cp.kind IN ('email', 'social', 'visitor') OR cp.phone_type = 'mobile')"
_SURVIVOR = "SELECT coalesce(p.survivor_id, p.id) FROM profiles AS p WHERE p.organization_id = :org AND p.id ="

RULES = {
    "PRO-3: at most one profile holds an identifying contact point": """
        SELECT kind, count(*) FROM contact_points WHERE organization_id = :org AND identifying
        GROUP BY kind, value HAVING count(*) > 1
    """,
    "PRO-3, RES-9: an email, mobile or social account is on one profile at most, where what is listed identifies": f"""
        SELECT cp.kind, count(*) FROM contact_points AS cp WHERE {_EVIDENCE} AND {_UNIQUE_KIND} AND {_LISTED_MODE}
        GROUP BY cp.kind, cp.value HAVING count(*) > 1
    """,
    "RES-2, RES-9: an email, mobile or social account opens its profile, where what is listed identifies": f"""
        SELECT cp.kind, cp.id FROM contact_points AS cp
        WHERE {_EVIDENCE} AND {_UNIQUE_KIND} AND {_LISTED_MODE} AND NOT cp.identifying
    """,
    "PRO-5, PRO-12: home, office and other phones, and values of the blocklist, open nothing": f"""
        SELECT cp.kind, cp.id FROM contact_points AS cp
        WHERE cp.organization_id = :org AND cp.identifying AND NOT (
            ({_EVIDENCE}) AND ({_UNIQUE_KIND} OR cp.kind = 'customer_id'))
    """,
    "PRO-1: at most one customer ID": """
        SELECT profile_id, count(*) FROM contact_points WHERE organization_id = :org AND kind = 'customer_id'
        GROUP BY profile_id HAVING count(*) > 1
    """,
    "PRO-2: at most one Main email and one Main phone": """
        SELECT profile_id, kind FROM contact_points WHERE organization_id = :org AND main
        GROUP BY profile_id, kind HAVING count(*) > 1
    """,
    "PRO-2: phones have a type, and nothing else has": """
        SELECT kind, id FROM contact_points
        WHERE organization_id = :org AND (kind = 'phone') <> (phone_type IS NOT NULL)
    """,
    "MRG-2: contact points, suggestions and search terms are of living profiles": """
        SELECT 'merged away', p.id FROM profiles AS p WHERE p.organization_id = :org AND p.survivor_id IS NOT NULL AND (
            EXISTS (SELECT 1 FROM contact_points AS x WHERE x.organization_id = :org AND x.profile_id = p.id)
            OR EXISTS (SELECT 1 FROM search_terms AS x WHERE x.organization_id = :org AND x.profile_id = p.id)
            OR EXISTS (SELECT 1 FROM suggestions AS x
                WHERE x.organization_id = :org AND p.id IN (x.profile_id, x.other_id))
        )
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
    "an item's conversation belongs to the item's profile": f"""
        SELECT i.seq, i.conversation_id FROM items AS i
        LEFT JOIN conversations AS c ON c.organization_id = :org AND c.id = i.conversation_id
        WHERE i.organization_id = :org
          AND (c.id IS NULL OR ({_SURVIVOR} i.profile_id) <> ({_SURVIVOR} c.profile_id))
    """,
    "MRG-9: a draft is on a living profile": """
        SELECT d.id, d.profile_id FROM drafts AS d
        JOIN profiles AS p ON p.organization_id = :org AND p.id = d.profile_id
        WHERE d.organization_id = :org AND p.survivor_id IS NOT NULL
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
        broken = {rule: found for rule, sql in RULES.items() if (found := _found(unit, sql))}
        if wrong := _wrong_search_terms(unit):
            broken["MRG-1: what finds a profile is what it holds"] = wrong
        if told := _told_in_audit(unit):
            broken["MRG-14: entries of the audit log hold no customer's values"] = told
    assert not broken, "\n".join(f"{rule}: {found[:5]}" for rule, found in broken.items())


def _found(unit: Unit, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in unit.execute(sa.text(sql), {"org": unit.organization_id})]


def _told_in_audit(unit: Unit) -> list[tuple[object, ...]]:
    """(kind, owner) of values that stand in an entry itself, where no erasure reaches them; plain ones are left out."""
    entries = "\n".join(str(d) for (d,) in _found(unit, "SELECT details FROM audit WHERE organization_id = :org"))
    points = _found(unit, "SELECT kind, profile_id, value FROM contact_points WHERE organization_id = :org")
    names = _found(unit, "SELECT 'name', id, name FROM profiles WHERE organization_id = :org AND name LIKE '% %'")
    telling = [found for found in (*points, *names) if found[0] != "customer_id"] if entries else []
    return [(kind, owner) for kind, owner, value in telling if json.dumps(value)[1:-1] in entries]


def _wrong_search_terms(unit: Unit) -> list[tuple[object, ...]]:
    """(profile, missing terms, terms too many) of living profiles whose index is not what they hold."""
    names = _found(unit, "SELECT id, name, username FROM profiles WHERE organization_id = :org AND survivor_id IS NULL")
    points, blocked, terms = defaultdict(list), set(), defaultdict(set)
    for kind, value in _found(unit, "SELECT kind, value FROM blocklist WHERE organization_id = :org"):
        blocked.add((kind, value))
    held = "SELECT profile_id, kind, value, handle FROM contact_points WHERE organization_id = :org ORDER BY id"
    for profile_id, kind, value, handle in _found(unit, held):
        points[profile_id].append((kind, value, handle))
    for profile_id, term in _found(unit, "SELECT profile_id, term FROM search_terms WHERE organization_id = :org"):
        terms[profile_id].add(term)
    wrong: list[tuple[object, ...]] = []
    for profile_id, name, username in names:
        most = search_terms(name, username, points[profile_id])
        # Whether text that is no evidence (PRO-12) can be searched for is left open.
        least = search_terms(name, username, [p for p in points[profile_id] if p[:2] not in blocked])
        if not least <= terms[profile_id] <= most:
            wrong.append((profile_id, sorted(least - terms[profile_id]), sorted(terms[profile_id] - most)))
    return wrong
