"""The texts of events that speak of another customer: those that name nobody, and those that do without the name.

The event of a detach, an undo, or a merge since undone stands on a timeline of one customer and may name another: what
is exported of the one must not tell of the other, and must not outlive its erasure.
"""

from __future__ import annotations

import re

JOINED_THREAD = "Replied into a conversation of another customer"
THREAD_WAS_JOINED = "Another sender replied into this conversation"

_NAMING = tuple(
    (re.compile(pattern, re.DOTALL), without)
    for pattern, without in (
        (r"\A(.*?) merged a customer into .*\Z", r"\1 merged a customer into this customer"),
        (r"\A(.*?) undid the merge of this customer into .*\Z", r"\1 undid the merge of this customer into another"),
        (r"\A(.*?) undid the merge of .* into this customer\Z", r"\1 undid the merge of another into this customer"),
        (r"\A(.*?) detached .* into a new customer\Z", r"\1 detached a contact point into a new customer"),
        (r"\A(.*?) detached .* from .*\Z", r"\1 detached a contact point from another customer"),
    )
)


def without_names(text: str) -> str:
    """The text of an event with neither a customer's name nor a contact point in it; agents' names stay."""
    for pattern, without in _NAMING:
        if pattern.match(text):
            return pattern.sub(without, text)
    return text
