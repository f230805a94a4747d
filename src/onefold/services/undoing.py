"""Undoing a merge (MRG-13): the source comes back with its own id, what it brought, and what arrived since on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from onefold.domain.errors import Conflict, Stale
from onefold.domain.matching import evidence_of_point, handle_key
from onefold.domain.policy import Policy
from onefold.domain.profile import display_name
from onefold.domain.sides import Side
from onefold.domain.undoing import Record, UndoPlan, own_fields, plan_undo
from onefold.services import audit, matching, merging
from onefold.services.actor import Actor, merger_of
from onefold.services.clock import new_id, utc_now
from onefold.storage import conversations, profiles
from onefold.storage import matching as matches
from onefold.storage import merges as store
from onefold.storage.database import Unit
from onefold.storage.drafts import absorbing
from onefold.storage.matching import EvidenceRow, Pair, pair_of
from onefold.storage.merges import MergeRow
from onefold.storage.organizations import load_policy
from onefold.storage.outbox import emit
from onefold.storage.tables import instant


class Undo(NamedTuple):
    """What undoing a merge does, or would do. `profile_id` is where the source has led to; `version` is that one's.

    `returning` are the ids that come back to life under the source. `arrived` counts the items that came since on the
    source's contact points and go with them.
    """

    merge: MergeRow
    profile_id: str
    version: int
    plan: UndoPlan
    returning: tuple[str, ...]
    drafts: tuple[str, ...]
    arrived: int


def preview(unit: Unit, merge_id: str) -> Undo:
    """What undoing would do; nothing is changed. Raises what `undo` raises."""
    return _look(unit, merge_id, lock=False)[0]


def undo(unit: Unit, merge_id: str, version: int | None, actor: Actor) -> Undo:
    """Undoes a merge. Raises NotFound; Stale where the profile is not what the preview showed; Conflict `undone`,
    `undo_window_over`, `record_erased`."""
    found, record, policy = _look(unit, merge_id, lock=True)
    if version not in (None, found.version):
        raise Stale("The profile has changed since it was read; look at the new preview.", profile_id=found.profile_id)
    now = utc_now()
    before = {"profile": store.read_side(unit, profiles.read_profile(unit, found.profile_id)).as_record()}
    _share_rows(unit, found, record)
    _share_conversations(unit, found, record, now)
    _share_evidence(unit, found, record, policy, now)
    _write_events(unit, found, actor, now)
    store.mark_undone(unit, merge_id, now)
    source_id = found.plan.source.profile_id
    data = {"merge_id": merge_id, "unmerged": dict.fromkeys(found.returning, source_id)}
    emit(unit, new_id(), "profile.unmerged", found.profile_id, data, now)
    details = {**data, "gone": found.plan.gone, "kept": found.plan.kept}
    audit.record(
        unit, actor, "profile.unmerged", profile_id=found.profile_id, other_id=source_id, details=details, before=before
    )
    return found


def _look(unit: Unit, merge_id: str, *, lock: bool) -> tuple[Undo, dict[str, Any], Policy]:
    merge = merging.read_merge(unit, merge_id)
    policy = load_policy(unit)
    _check(merge, policy)
    row = _locked(unit, merge) if lock else _living(unit, merge)
    record = audit.read(unit, merge.audit_seq).before
    if record is None:
        raise Conflict("What the merge kept of the two profiles has been erased.", code="record_erased")
    returning = _returning(unit, merge, row.id)
    record = _without(record, _brought_since(unit, merge, row.id, returning))
    now = store.read_side(unit, row)
    others = {r.seen_from(side)[0] for side, r in _relations(record)}
    living = set(profiles.read_heads(unit, sorted(others)))
    plan = plan_undo(_read(unit, record), now, policy, living)
    drafts = store.drafts_on(unit, row.id, record["drafts"])
    point_ids = _point_ids(unit, plan, record)
    there = [one for one in profiles.merged_into(unit, row.id) if one not in returning]
    arrived = sum(conversations.count_through(unit, one, point_ids, merge.event_seq) for one in there)
    return Undo(merge, row.id, row.version, plan, returning, tuple(drafts), arrived), record, policy


def _check(merge: MergeRow, policy: Policy) -> None:
    if merge.undone_at is not None:
        raise Conflict("The merge has been undone.", code="undone")
    if utc_now() - merge.created_at > timedelta(days=policy.undo_days):
        raise Conflict("The time in which this merge could be undone is over.", code="undo_window_over")


def _living(unit: Unit, merge: MergeRow) -> profiles.ProfileRow:
    survivor_id = profiles.read_profile(unit, merge.source_id).survivor_id
    if survivor_id is None:
        raise Conflict("The merge has been undone.", code="undone")
    return profiles.read_profile(unit, survivor_id)


def _locked(unit: Unit, merge: MergeRow) -> profiles.ProfileRow:
    """The living profile, and the source that is to return, kept from everybody else."""
    unit.lock_merging()
    row = profiles.lock_profile(unit, merge.source_id, against_contacts=True)
    _check_standing(store.read_merge(unit, merge.id, lock=True))
    return row


def _check_standing(merge: MergeRow | None) -> None:
    if merge is None or merge.undone_at is not None:
        raise Conflict("The merge has been undone.", code="undone")


def _read(unit: Unit, record: dict[str, Any]) -> Record:
    source, destination, after = (Side.from_record(record[name]) for name in ("source", "destination", "after"))
    # A later merge may have made the source's contact points, or their likes, one with others again.
    absorbed = {p.contact_point_id: absorbing(unit, p.contact_point_id) for p in source.points}
    return Record(source, destination, after, {gone: by for gone, by in absorbed.items() if by is not None})


def _relations(record: dict[str, Any]) -> list[tuple[str, Any]]:
    sides = (Side.from_record(record[name]) for name in ("source", "destination"))
    return [(side.profile_id, relation) for side in sides for relation in side.relations]


def _point_ids(unit: Unit, plan: UndoPlan, record: dict[str, Any]) -> list[str]:
    """The contact points that return, and what had become one with them before the merge."""
    own = [p.contact_point_id for p in plan.source.points if p.kind != "customer_id"]
    # What both sides held cannot be told apart since: it stays where it arrived.
    alone = [point_id for point_id in own if point_id not in record["absorbed"]]
    return [*alone, *store.absorbed_by(unit, alone)]


def _returning(unit: Unit, merge: MergeRow, profile_id: str) -> tuple[str, ...]:
    """The source, and every profile whose way to the living one leads through it."""
    merged = profiles.merged_into(unit, profile_id)
    standing = store.standing_merges(unit, merged)
    found = []
    for one in merged:
        at = one
        while at in standing and at != merge.source_id:
            at = standing[at].destination_id
        if at == merge.source_id:
            found.append(one)
    return tuple(sorted(found))


def _brought_since(unit: Unit, merge: MergeRow, profile_id: str, returning: Collection[str]) -> set[str]:
    """The ids of what later merges that stand have brought: it may have been the source's at the time of this merge,
    left it by an undo, and come to the living profile in another way."""
    standing = store.standing_merges(unit, profiles.merged_into(unit, profile_id))
    way, at = set(), merge.destination_id  # on which everything of this merge itself has come
    while at in standing:
        way.add(at)
        at = standing[at].destination_id
    later = [m for one, m in standing.items() if m.id > merge.id and one not in way and one not in returning]
    return {row_id for m in later for row_id in _row_ids(audit.read(unit, m.audit_seq).before)}


def _row_ids(record: dict[str, Any] | None) -> set[str]:
    if record is None:
        return set()
    rows = [row for part in ("details", "addresses", "relations") for row in record["source"][part]]
    points = [point["contact_point_id"] for point in record["source"]["points"]]
    return {*points, *(row["id"] for row in rows), *record["drafts"]}


def _without(record: dict[str, Any], ids: Collection[str]) -> dict[str, Any]:
    """The record of a merge but for some rows of its source."""
    parts = ("points", "details", "addresses", "relations")
    source = {
        part: [row for row in record["source"][part] if row.get("id", row.get("contact_point_id")) not in ids]
        for part in parts
    }
    drafts = [one for one in record["drafts"] if one not in ids]
    return {**record, "source": {**record["source"], **source}, "drafts": drafts}


def _share_rows(unit: Unit, found: Undo, record: dict[str, Any]) -> None:
    plan = found.plan
    now = store.read_side(unit, profiles.read_profile(unit, found.profile_id))
    store.lead_to(unit, found.returning, None)
    store.lead_to(unit, [one for one in found.returning if one != plan.source.profile_id], plan.source.profile_id)
    created = {row_id: instant(at) for row_id, at in record["created"].items()}
    destination = plan.destination._replace(profile_id=found.profile_id)
    store.write_side(unit, [now], [plan.source, destination], created)
    there = {p.contact_point_id for p in plan.source.points}
    store.release_points(
        unit,
        sorted(there),
        [pair for pair in record["led_on_points"] if pair[1] in there],
    )
    profiles.change_profile(unit, found.profile_id, **destination.own_changes(now))
    _restore_between(unit, found, record)
    store.move_drafts(unit, found.profile_id, plan.source.profile_id, found.drafts)


def _restore_between(unit: Unit, found: Undo, record: dict[str, Any]) -> None:
    """A destination that was itself merged away since keeps its own fields for the day it returns."""
    kept = _read(unit, record)
    row = profiles.read_profile(unit, kept.destination.profile_id)
    if row.id != found.profile_id:
        now = Side(row.id, row.version, row.name, row.name_confirmed, row.username, row.image, row.attributes)
        changes = own_fields(kept, now).own_changes(now)
        if changes:
            profiles.change_profile(unit, row.id, **changes)


# Conversations -------------------------------------------------------------------------------------------------------


def _share_conversations(unit: Unit, found: Undo, record: dict[str, Any], now: datetime) -> None:
    """Each conversation goes to whom it began with; what the other has said in it since goes to one of the other's."""
    source_id, point_ids = found.plan.source.profile_id, _point_ids(unit, found.plan, record)
    partners, since = _part_conversations(unit, found, record), found.merge.event_seq
    there = profiles.merged_into(unit, found.profile_id)
    for conversation_id in (one for profile_id in there for one in conversations.ids_of(unit, profile_id)):
        first = conversations.first_item(unit, conversation_id)
        begun_by_source = first is not None and (
            first.profile_id in found.returning or (first.seq >= since and first.contact_point_id in point_ids)
        )
        if begun_by_source:
            _give_back(unit, found, conversation_id, point_ids, there)
        elif any(conversations.has_through(unit, conversation_id, one, point_ids, since) for one in there):
            to = partners.get(conversation_id) or _beside(unit, conversation_id, source_id)
            conversations.move_items(unit, conversation_id, point_ids, to, source_id, since)


def _part_conversations(unit: Unit, found: Undo, record: dict[str, Any]) -> dict[str, str]:
    """The two that became one are two again; returns which of the source's stands beside which."""
    source, after = record["source"]["conversation"], record["after"]["conversation"]
    destination = record["destination"]["conversation"]
    if source is None or destination is None:
        return {}
    gone = conversations.read_conversation(unit, source["conversation_id"])
    if gone.merged_into_id is None or gone.profile_id != found.plan.source.profile_id:
        return {}  # parted already, or detached since with the whole of it
    into = conversations.read_conversation(unit, gone.merged_into_id)
    conversations.change_conversation(
        unit, gone.id, merged_into_id=None, state=into.state, closed_at=into.closed_at,
        profile_id=found.plan.source.profile_id,
    )  # fmt: skip
    led_on = set(record.get("led_on_conversations", ())) & set(conversations.merged_into(unit, into.id))
    for earlier in sorted(led_on):  # what an earlier merge brought may have been taken out, and merged in by itself
        if conversations.read_conversation(unit, earlier).profile_id in found.returning:
            conversations.change_conversation(unit, earlier, merged_into_id=gone.id)
    if (into.assignee_id, into.inbox_id) == (after["assignee_id"], after["inbox_id"]):
        conversations.change_conversation(
            unit, into.id, assignee_id=destination["assignee_id"], inbox_id=destination["inbox_id"]
        )
    return {into.id: gone.id}


def _give_back(unit: Unit, found: Undo, conversation_id: str, point_ids: Collection[str], there: Sequence[str]) -> None:
    """A conversation of the source; what was said since through others' contact points stays with them (`there`)."""
    source_id, since = found.plan.source.profile_id, found.merge.event_seq
    others: set[str] = set()
    for one in there:
        conversations.release_events(unit, conversation_id, one)
        others |= conversations.points_in(unit, conversation_id, one, since) - set(point_ids)
    is_open = _take_out(unit, conversation_id, source_id)
    beside = _let_guests_out(unit, found, conversation_id)
    if others:
        if beside is None:
            beside = new_id()
            free = is_open and conversations.open_conversation_of(unit, found.profile_id) is None
            conversations.copy_conversation(unit, conversation_id, beside, found.profile_id, may_be_open=free)
        conversations.move_items(unit, conversation_id, sorted(others), beside, found.profile_id, since)
    for one in there:
        conversations.give_items(unit, conversation_id, one, source_id)


def _take_out(unit: Unit, conversation_id: str, source_id: str) -> bool:
    """The conversation is the source's, and nobody else's that it became one with since; whether it is open."""
    row = conversations.read_conversation(unit, conversation_id)
    head = row if row.merged_into_id is None else conversations.read_conversation(unit, row.merged_into_id)
    values: dict[str, Any] = {"profile_id": source_id, "merged_into_id": None}
    beside = conversations.open_conversation_of(unit, source_id)
    if row.merged_into_id is not None and beside is None:
        values |= {"state": head.state, "closed_at": head.closed_at}
    if row.state == "open" and beside is not None and beside.id != row.id:
        values |= {"state": "closed", "closed_at": utc_now()}  # the source has its own open one again
    conversations.change_conversation(unit, conversation_id, **values)
    return conversations.read_conversation(unit, conversation_id).state == "open"


def _let_guests_out(unit: Unit, found: Undo, conversation_id: str) -> str | None:
    """What later merges made one with a conversation of the source goes on as one of the living profile's."""
    head, guest = conversations.read_conversation(unit, conversation_id), None
    for one in conversations.merged_into(unit, conversation_id):
        if conversations.read_conversation(unit, one).profile_id not in found.returning:
            led: dict[str, Any] = {"merged_into_id": guest}
            if guest is None:
                led |= {"profile_id": found.profile_id, "state": head.state, "closed_at": head.closed_at}
                guest = one
            conversations.change_conversation(unit, one, **led)
    return guest


def _beside(unit: Unit, conversation_id: str, profile_id: str) -> str:
    beside = new_id()
    free = conversations.open_conversation_of(unit, profile_id) is None
    conversations.copy_conversation(unit, conversation_id, beside, profile_id, may_be_open=free)
    return beside


# Suggestions, search, events -----------------------------------------------------------------------------------------


def _share_evidence(unit: Unit, found: Undo, record: dict[str, Any], policy: Policy, now: datetime) -> None:
    """Evidence goes back to whom it spoke for; what came since goes with the values it rests on."""
    source, destination = found.plan.source, found.plan.destination._replace(profile_id=found.profile_id)
    _index(unit, source, destination, policy)
    rows = matches.evidence_of(unit, destination.profile_id)
    before = [_evidence(row) for row in record["evidence"]]
    old_id = record["destination"]["profile_id"]
    of_source = {_side_of(row, source.profile_id): row for row in before if source.profile_id in row.pair}
    of_destination = {_side_of(row, old_id): row for row in before if old_id in row.pair}
    values = {(p.kind, p.value) for p in source.points}
    pairs = {row.pair for row in rows}
    spoke = _speaking(Side.from_record(record["destination"]))
    for row in rows:
        key = _side_of(row, destination.profile_id)
        known_other = key in of_destination
        since = not known_other and key not in of_source and (_kind_of_point(row.kind), key[2]) in values
        if key in of_source or since:
            back = row.moved(destination.profile_id, source.profile_id)
            created_at = of_source[key].created_at if key in of_source else row.created_at
            matches.insert_evidence(unit, [back._replace(created_at=created_at)])
            pairs.add(back.pair)
            silent = key in of_source and key[1:3] in spoke  # the destination held it before, too common to suggest by
            if not known_other and (silent or key[1:3] not in _speaking(destination)):
                matches.remove_evidence(unit, [row])
    between = [
        row.moved(old_id, destination.profile_id) for row in before if {*row.pair} == {source.profile_id, old_id}
    ]
    then = (Side.from_record(record["source"]), Side.from_record(record["destination"]))
    sides = list(zip(then, (source, destination), strict=True))
    matches.insert_evidence(unit, [row for row in between if _still_rests(row, sides)])
    pairs.add(pair_of(source.profile_id, destination.profile_id))
    pairs |= _put_back(unit, [row.moved(old_id, destination.profile_id) for row in before])
    matching.rate(unit, pairs, policy, now, created={pair_of(*row[:2]): instant(row[2]) for row in record["suggested"]})
    matching.after_edit(unit, source.profile_id, policy, now)  # what it shares with whom its destination has joined


def _put_back(unit: Unit, rows: Sequence[EvidenceRow]) -> set[Pair]:
    """Evidence of handles and similar emails that the merge has ended, by the value that gave way; what does not rest
    on both any more goes again when it is rated."""
    ids = {one for row in rows for one in row.pair}
    living = set(profiles.read_heads(unit, sorted(ids)))
    back = [row for row in rows if row.kind in ("handle", "similar_email") and {*row.pair} <= living]
    matches.insert_evidence(unit, back)
    return {row.pair for row in back}


def _index(unit: Unit, source: Side, destination: Side, policy: Policy) -> None:
    names = {handle_key(side.username) for side in (source, destination) if side.username}
    matches.remove_keys(unit, ["h:" + name for name in names], destination.profile_id)
    for side in (source, destination):
        profiles.reindex(unit, side.profile_id)
        matching.index_keys(unit, side.profile_id, policy)


def _evidence(row: dict[str, Any]) -> EvidenceRow:
    return EvidenceRow(**{**row, "created_at": instant(row["created_at"])})


def _side_of(row: EvidenceRow, profile_id: str) -> tuple[str, str, str, str]:
    """A piece of evidence as seen from one profile: the other one, the kind, its own value and the other's."""
    if row.profile_id == profile_id:
        return row.other_id, row.kind, row.value, row.other_value
    return row.profile_id, row.kind, row.other_value, row.value


def _still_rests(row: EvidenceRow, sides: Sequence[tuple[Side, Side]]) -> bool:
    """Whether whoever held then what spoke for the two holds it now; what a contact brought is one side's only, from
    the beginning (RES-11). `sides` are both profiles then and now."""
    for then, now in sides:
        spoken = _side_of(row, now.profile_id)[1:3]
        if spoken in _speaking(then) and spoken not in _speaking(now):
            return False
    return True


def _speaking(side: Side) -> set[tuple[str, str]]:
    """(kind of evidence, value) that a profile may be matched by."""
    names = {("handle", handle_key(side.username))} if side.username else set()
    return names | {(piece.kind, piece.value) for point in side.points for piece in evidence_of_point(point)}


def _kind_of_point(kind: str) -> str:
    return "email" if kind == "similar_email" else kind


def _write_events(unit: Unit, found: Undo, actor: Actor, now: datetime) -> None:
    merger = merger_of(unit, actor, None)
    source, destination = found.plan.source, found.plan.destination
    names = (display_name(source.name, source.points), display_name(destination.name, destination.points))
    for profile_id, text in (
        (found.profile_id, f"{merger.name} undid the merge of {names[0]} into this customer"),
        (source.profile_id, f"{merger.name} undid the merge of this customer into {names[1]}"),
    ):
        conversation = conversations.open_conversation_of(unit, profile_id)
        merging.write_events(unit, profile_id, conversation and conversation.id, [text], merger.agent_id, now)


def history(unit: Unit, profile_id: str | None, before: str | None, limit: int) -> list[MergeRow]:
    """Merges, newest first: of a profile and those merged into it, or of the organization."""
    ids = None
    if profile_id is not None:
        row = profiles.read_profile(unit, profile_id)
        ids = profiles.merged_into(unit, row.living_id)
    return store.list_merges(unit, ids, before, limit)
