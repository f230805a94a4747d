"""Values as people read them: contact points, addresses, ratings, counts; and what templates may do to a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from markupsafe import Markup, escape

from onefold.channels.mail_reply import fold_quotes
from onefold.console import marking, times
from onefold.console.labels import FIELDS, NETWORKS
from onefold.contact_points.phones import readable
from onefold.contact_points.points import HeldPoint
from onefold.conversations.sending import state_of
from onefold.merging.snapshot import Address


def initials(name: str) -> str:
    """One or two letters for a customer without a picture; a number or an address gives its first sign."""
    if name.startswith("+"):
        return "#"
    parts = [part for part in name.replace("@", " ").split() if part[0].isalnum()]
    letters = [part[0] for part in (parts[:1] + parts[1:][-1:])]
    return "".join(letters).upper() or "?"


def hue(key: str) -> int:
    """One of twelve colours that stays with a customer."""
    return sum(key.encode()) % 12


def point(value: str, kind: str) -> str:
    """A contact point as people read it: phones grouped, social accounts without their network."""
    if kind == "phone":
        return readable(value)
    if kind == "customer_id":
        return f"ID {value}"
    return value.partition(":")[2] if kind == "social" else value


def evidence(value: str, feature: str) -> str:
    """A value that speaks for two being one, as people read it."""
    kinds = {"mobile": "phone", "phone": "phone", "social": "social", "customer_id": "customer_id"}
    return point(value, kinds.get(feature, "email"))


def customer_name(name: str) -> str:
    """A customer's display name; a number that stands for one is grouped (MRG-8)."""
    return readable(name) if name.startswith("+") else name


def contact_line(points: Sequence[HeldPoint]) -> str:
    """The contact points of a customer on one line of a list."""
    return " · ".join(p.handle or point(p.value, p.kind) for p in points if p.kind != "visitor" and p.current)


def address(given: Address | Mapping[str, Any]) -> str:
    """An address on one line: equal for two only where nothing of them differs."""
    of = given._asdict() if isinstance(given, Address) else given
    town = " ".join(filter(None, (of["postal_code"], of["city"])))
    return ", ".join(filter(None, (of["street"], town, of["region"], of["country"])))


def breakable(text: str) -> Markup:
    """A text that may break after an @, where a line is too short for an email."""
    return Markup("@<wbr>").join(escape(part) for part in text.split("@"))


def network(value: str) -> str:
    """The network of a social account."""
    name = value.partition(":")[0]
    return NETWORKS.get(name, name.capitalize())


def field(name: str) -> str:
    """A field of a merge in words: `social.instagram` is “Shown account on Instagram”."""
    head, _, rest = name.partition(".")
    label = FIELDS.get(head, head.replace("_", " ").capitalize())
    return f"{label} {NETWORKS.get(rest, rest)}" if rest else label


def percent(rating: float) -> str:
    """A rating; never 100 %, for nobody is sure."""
    return f"{min(99, round(100 * rating))} %"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(length: timedelta) -> str:
    """A length of time, in the largest unit that leaves no rest."""
    for unit, one in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if not length % unit:
            return count(length // unit, one)
    return count(int(length.total_seconds()), "second")


def verdict(rating: float) -> str:
    """A rating in words."""
    if rating >= 0.9:
        return "very likely"
    if rating >= 0.6:
        return "likely"
    return "possible" if rating >= 0.25 else "unlikely"


MOST_SHOWN = 20_000
"""Characters of one message on a page of many."""


def _fold_shown(body: str) -> tuple[str, str]:
    """A mail's text as it is read, and what it repeats of the one it answers."""
    written, repeated = fold_quotes(body)
    return written.rstrip(), repeated.strip("\r\n")


def snippet(text: str | None, limit: int = 90) -> str:
    """The beginning of a text, on one line."""
    line = " ".join((text or "").split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def form_value(value: str | None, names: Mapping[str, str]) -> str:
    """What a field of a form holds, in words: ids by the names they have."""
    return "—" if value is None else names.get(value, value)


FILTERS: dict[str, Callable[..., Any]] = {
    "address": address,
    "breakable": breakable,
    "customer_name": customer_name,
    "clock": times.clock,
    "count": count,
    "day": times.day,
    "day_of": times.day_of,
    "duration": duration,
    "evidence": evidence,
    "field": field,
    "hue": hue,
    "initials": initials,
    "moment": times.moment,
    "network": network,
    "percent": percent,
    "point": point,
    "contact_line": contact_line,
    "sending_state": state_of,
    "snippet": snippet,
    "form_value": form_value,
    "link_addresses": marking.link_addresses,
    "mark_hits": marking.mark_hits,
    "fold_quotes": _fold_shown,
    "shown": lambda text: text[:MOST_SHOWN],
    "verdict": verdict,
    "when": times.when,
}
"""What templates may do to a value."""
