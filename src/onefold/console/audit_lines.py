"""What an entry of the audit log says besides its sentence, line by line and in plain words (MRG-14)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from onefold.audit.service import Entry
from onefold.console import audit_view, wording
from onefold.console.names import Actors
from onefold.console.settings_labels import SETTINGS
from onefold.merging.snapshot import ProfileSnapshot


class Line(NamedTuple):
    """A label, what stands behind it, and where that leads."""

    label: str
    text: str
    link: str | None = None


def lines(entry: Entry, actors: Actors) -> list[Line]:
    """The lines of an entry's own kind; of kinds that say everything in their sentence there are none."""
    of_kind = _LINES.get(entry.action)
    return of_kind(entry, actors) if of_kind else []


def _merge(entry: Entry, _actors: Actors) -> list[Line]:
    return [Line("Merge", "See the merge", f"/merges/{entry.details['merge_id']}")]


def _undo(entry: Entry, actors: Actors) -> list[Line]:
    details, before = entry.details, list(audit_view.sides(entry.before).values())
    undo_lines = [*_merge(entry, actors), Line("Restored", wording.count(len(details["unmerged"]), "customer"))]
    for label, field in (("Deleted since", "gone"), ("Changed since, left as is", "kept")):
        if details[field]:
            undo_lines.append(Line(label, _rows(details[field], before)))
    return undo_lines


def _rows(rows: Sequence[tuple[str, str]], among: Sequence[ProfileSnapshot]) -> str:
    """Rows as they were where the entry has kept that, else how many of each kind."""
    staying = audit_view.staying(rows, among)
    named = [f"{one.kind} {one.text}" for one in staying if one.text]
    plurals = {"address": "addresses"}
    counted = Counter(one.kind for one in staying if not one.text)
    return "; ".join(named + [wording.count(n, kind, plurals.get(kind)) for kind, n in counted.items()])


def _detach(entry: Entry, _actors: Actors) -> list[Line]:
    details, sides = entry.details, audit_view.sides(entry.before).values()
    points = [p for side in sides for p in side.points if p.contact_point_id == details["contact_point_id"]]
    return [
        *(Line("Contact point", audit_view.point(p)) for p in points),
        Line("Conversations moved", str(len(details["moved_conversations"]))),
        Line("Conversations split", str(len(details["split_conversations"]))),
    ]


_ERASED = (
    ("profiles", "profile", None),
    ("contact_points", "contact point", None),
    ("conversations", "conversation", None),
    ("items", "timeline entry", "timeline entries"),
    ("attachments", "file", None),
)


def _erasure(entry: Entry, _actors: Actors) -> list[Line]:
    counts: dict[str, Any] = entry.details["counts"]
    parts = [wording.count(counts[name], one, many) for name, one, many in _ERASED if counts.get(name)]
    return [Line("Erased", ", ".join(parts))]


def _bulk(entry: Entry, _actors: Actors) -> list[Line]:
    return [Line("Bulk merge", "See its progress", f"/runs/{entry.details['run_id']}")]


def _agent(entry: Entry, actors: Actors) -> list[Line]:
    return [Line("Agent", actors.agents.get(entry.details["agent_id"], "Former agent"))]


def _key(entry: Entry, _actors: Actors) -> list[Line]:
    until = entry.details["expires_at"]
    return [Line("May", ", ".join(entry.details["scopes"])), Line("Expires", until[:10] if until else "never")]


def _export(entry: Entry, _actors: Actors) -> list[Line]:
    return [Line("Timeline entries", f"{entry.details['items']:,}")]


def _agent_changes(entry: Entry, actors: Actors) -> list[Line]:
    changes = entry.details["changes"]
    agent_lines = _agent(entry, actors)
    agent_lines += [
        Line(label, str(changes[field])) for field, label in (("name", "Name"), ("role", "Role")) if field in changes
    ]
    if "active" in changes:
        agent_lines.append(Line("Active", "Yes" if changes["active"] else "No"))
    return agent_lines


def _settings(entry: Entry, _actors: Actors) -> list[Line]:
    return [Line(SETTINGS[field], _change(field, change)) for field, change in entry.details["changes"].items()]


_WITHOUT_VALUES = ("default_inbox_id", "own_addresses", "relays")


def _change(field: str, change: Any) -> str:
    if isinstance(change, dict):
        return wording.count(len(change), "change")
    was, now = (("on" if one else "off") if isinstance(one, bool) else one for one in change)
    return "changed" if field in _WITHOUT_VALUES else f"from {was} to {now}"


def _blocked_value(entry: Entry, _actors: Actors) -> list[Line]:
    value = entry.details.get("value")
    return [Line("Value", value)] if value else []


def _blocking(entry: Entry, actors: Actors) -> list[Line]:
    return [*_blocked_value(entry, actors), Line("Customers it no longer opens", f"{entry.details['profiles']:,}")]


_WEBHOOK = (("host", "To"), ("description", "Description"), ("state", "State"))


def _webhook(entry: Entry, _actors: Actors) -> list[Line]:
    changes = entry.details["changes"]
    webhook_lines = [Line(label, str(changes[field])) for field, label in _WEBHOOK if field in changes]
    if "event_types" in changes:
        webhook_lines.append(Line("Events", ", ".join(changes["event_types"] or ["all"])))
    return webhook_lines


def _passkey(entry: Entry, actors: Actors) -> list[Line]:
    return [*_agent(entry, actors), Line("Passkey", entry.details["name"])]


def _link(entry: Entry, actors: Actors) -> list[Line]:
    valid = timedelta(seconds=entry.details["seconds"])
    return [*_agent(entry, actors), Line("Valid for", wording.duration(valid))]


_LINES: dict[str, Callable[[Entry, Actors], list[Line]]] = {
    "profile.merged": _merge,
    "profile.unmerged": _undo,
    "profile.detached": _detach,
    "profile.erased": _erasure,
    "merges.started": _bulk,
    "profile.exported": _export,
    "agent.added": _agent,
    "agent.changed": _agent_changes,
    "agent.password_set": _agent,
    "inbox.agent_assigned": _agent,
    "inbox.agent_removed": _agent,
    "settings.changed": _settings,
    "blocklist.added": _blocking,
    "blocklist.removed": _blocked_value,
    "webhook.changed": _webhook,
    "agent.invited": _link,
    "agent.link_made": _link,
    "agent.second_factor_on": _agent,
    "agent.second_factor_off": _agent,
    "agent.provider_linked": _agent,
    "agent.provider_unlinked": _agent,
    "agent.passkey_added": _passkey,
    "agent.passkey_removed": _agent,
    "agent.signed_out_everywhere": _agent,
    "key.made": _key,
}
