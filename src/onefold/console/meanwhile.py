"""What somebody else has changed since a form was made: nobody overwrites what they have not seen (UI-4).

A form that changes something carries what it showed, field by field (`was.name`). What its agent left as it was is not
touched, whatever others have made of it; what both have changed is shown to who comes second, who decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from onefold.console.forms import Form
from onefold.console.one_deed import FIELD as PAGE_ID

PREFIX = "was."


class Clash(NamedTuple):
    """A field that two have changed: what it is now, and what was typed over what it had been."""

    field: str
    theirs: str | None
    typed: str | None


class ChangedMeanwhile(Exception):
    """Somebody was faster; nothing was changed. The form is sent again by who wants theirs to count."""

    def __init__(self, form: Form, clashes: Sequence[Clash]) -> None:
        super().__init__()
        self.form, self.clashes = form, clashes

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The form again, as one that has seen what the others made of it."""
        seen = {f"{PREFIX}{one.field}": one.theirs or "" for one in self.clashes}
        return [(name, seen.get(name, value)) for name, value in self.form.fields if name != PAGE_ID]


def _as_of_a_form(value: object) -> str | None:
    """A stored value as a form would send it back."""
    return None if value is None else str(value).replace("\r\n", "\n").strip() or None


def changed_fields(
    form: Form, typed: Mapping[str, str | None], stored: Mapping[str, object], *, all_of: bool = False
) -> dict[str, str | None]:
    """What the agent has changed of what the form showed. A field that the form shows no former value of counts as
    changed where it differs from now; `all_of`: as soon as one field is changed, all that others changed clash.

    Raises ChangedMeanwhile where somebody else has changed the same to something else.
    """
    now = {field: _as_of_a_form(value) for field, value in stored.items()}
    seen = {field: form.line(f"{PREFIX}{field}") for field in typed if form.has(f"{PREFIX}{field}")}
    changed = {field: value for field, value in typed.items() if value != seen.get(field, now.get(field))}
    at_stake = typed if all_of and changed else changed
    clashes = [
        Clash(field, now.get(field), typed[field])
        for field in at_stake
        if field in seen and now.get(field) not in (seen[field], typed[field])
    ]
    if clashes:
        raise ChangedMeanwhile(form, clashes)
    return changed
