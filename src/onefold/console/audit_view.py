"""What the audit log has kept of a profile, in words and side by side (MRG-13, MRG-14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from onefold.console import labels, wording
from onefold.contact_points.points import HeldPoint
from onefold.merging.snapshot import ProfileSnapshot
from onefold.merging.undo import Undo
from onefold.profiles.display_name import display_name

COLUMNS = {"source": "Merged customer", "destination": "Surviving customer", "profile": "Customer before"}
"""The sides that a record holds, in the order they are shown in."""


class Was(NamedTuple):
    """One kind of information, as each side had it."""

    label: str
    values: list[list[str]]


def sides(record: Mapping[str, Any] | None) -> dict[str, ProfileSnapshot]:
    """The sides of a record, by the names of COLUMNS."""
    return {name: ProfileSnapshot.from_record(record[name]) for name in COLUMNS if record and name in record}


def name_of(side: ProfileSnapshot) -> str:
    """What the customer was called then (MRG-8)."""
    return display_name(side.name, side.points)


def table(snapshots: Sequence[ProfileSnapshot], kin: Mapping[str, str]) -> list[Was]:
    """Everything of some sides, line by line; `kin` are the names of those they were related to."""
    rows = [
        Was("Name", [[side.name] if side.name else [] for side in snapshots]),
        Was("Username", [[side.username] if side.username else [] for side in snapshots]),
        Was("Image", [[side.image] if side.image else [] for side in snapshots]),
        *(Was(label, [points(side, kind) for side in snapshots]) for kind, label in _POINTS),
        Was("Details", [[f"{d.key}: {d.value}" for d in side.details] for side in snapshots]),
        Was("Addresses", [[wording.address(a) for a in side.addresses] for side in snapshots]),
        Was("Relationships", [_kin(side, kin) for side in snapshots]),
        Was("Attributes", [[f"{k}: {v}" for k, v in sorted(side.attributes.items())] for side in snapshots]),
        Was("Open conversation", [_conversation(side) for side in snapshots]),
    ]
    return [line for line in rows if any(line.values)]


_POINTS = (("customer_id", "Customer ID"), ("email", "Emails"), ("phone", "Phones"), ("social", "Social accounts"))


def points(side: ProfileSnapshot, kind: str) -> list[str]:
    """The contact points of a kind, with their tags."""
    return [point(p) for p in side.points if p.kind == kind]


def point(p: HeldPoint) -> str:
    """A contact point with its type and tags."""
    value = p.value if p.kind == "customer_id" else p.handle or wording.point(p.value, p.kind)
    tags = [labels.PHONE_TYPES[p.phone_type].lower()] if p.phone_type else []
    tags += [tag for tag, applies in (("Main", p.main), ("SMS", p.sms), ("former", not p.current)) if applies]
    where = f" on {wording.network(p.value)}" if p.kind == "social" else ""
    return f"{value}{where} ({', '.join(tags)})" if tags else f"{value}{where}"


def _kin(side: ProfileSnapshot, kin: Mapping[str, str]) -> list[str]:
    seen = [relation.seen_from(side.profile_id) for relation in side.relations]
    return [f"{kind}: {kin.get(other_id, 'a customer')}" for other_id, kind in seen]


def relatives(snapshots: Sequence[ProfileSnapshot]) -> set[str]:
    """Whom the sides were related to."""
    return {relation.seen_from(side.profile_id)[0] for side in snapshots for relation in side.relations}


def _conversation(side: ProfileSnapshot) -> list[str]:
    return [f"assigned to {side.conversation.assignee}"] if side.conversation else []


_WHOSE = {"source": "as the one that went away had it", "destination": "as the one that stayed had it", "both": "both"}


def outcomes(details: Mapping[str, Any], record: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """(field, what became of it) of a merge: choices by hand first, then what the two had differently (MRG-4)."""
    chosen = {**details.get("choices", {}), **((record or {}).get("choices") or {})}
    differing = {
        field: choice
        for field, choice in details.get("outcomes", {}).items()
        if choice and field not in chosen and _differ(field, record)
    }
    by_hand = [(_field(field, record), f"{_WHOSE.get(choice, choice)}, by choice") for field, choice in chosen.items()]
    return by_hand + [(_field(field, record), _WHOSE.get(choice, choice)) for field, choice in differing.items()]


def _differ(field: str, record: Mapping[str, Any] | None) -> bool:
    """Whether both sides had a value of the field, and not the same one."""
    values = [_single(side, field) for name, side in sides(record).items() if name in _WHOSE]
    return len(values) == 2 and all(values) and values[0] != values[1]


def _single(side: ProfileSnapshot, field: str) -> str | None:
    if field.startswith("main_"):
        main = side.main(field.removeprefix("main_"))
        return main.value if main else None
    if field == "customer_id":
        return side.customer_id.value if side.customer_id else None
    return getattr(side, field, None) if field in ("name", "username", "image") else None


def _field(field: str, record: Mapping[str, Any] | None) -> str:
    head, _, rest = field.partition(".")
    if head != "phone_type":
        return wording.field(field)
    phones = [p for side in sides(record).values() for p in side.points if p.contact_point_id == rest]
    return f"Type of {wording.point(phones[0].value, 'phone')}" if phones else "Type of a phone"


def steps(details: Mapping[str, Any]) -> list[str]:
    """What was done together with a merge to clear what stood in its way (MRG-17)."""
    said = {
        "make_ordinary": "A Main phone was made an ordinary phone",
        "keep_former": "A customer ID was kept as a former one",
        "keep_type": "The type of a phone was chosen",
        "detach": "A contact point was first detached into a new customer",
    }
    return [said.get(step["step"], step["step"]) for step in details.get("steps", [])]


class Staying(NamedTuple):
    """A row that an undo leaves as it is, or that is not there any more: its kind, and what it says where known."""

    kind: str
    text: str


def staying(rows: Sequence[tuple[str, str]], among: Sequence[ProfileSnapshot]) -> list[Staying]:
    """What the rows of an undo's plan are, as the given sides have them."""
    known: dict[str, str] = {}
    for side in among:
        known |= {p.contact_point_id: point(p) for p in side.points}
        known |= {d.id: f"{d.key}: {d.value}" for d in side.details}
        known |= {a.id: wording.address(a) for a in side.addresses}
        known |= {r.id: r.seen_from(side.profile_id)[1] for r in side.relations}
    return [Staying(kind, known.get(row_id, "")) for kind, row_id in rows]


def changes_of(undo: Undo, kin: Mapping[str, str]) -> list[Was]:
    """Both customers as they will be once the merge is undone."""
    return table([undo.plan.source, undo.plan.destination], kin)
