"""What the settings say: modes, fields, features, scopes and events in plain words."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from onefold.organizations.match_weights import Weight

MODES = {
    "listed": (
        "Every value on a profile",
        "Any email, mobile or social account on a profile opens it, also one that an agent has entered.",
    ),
    "contacted": (
        "Only what the customer has contacted from",
        "A value opens a profile once the customer has written or called from it. One that is merely listed may be on "
        "several profiles, and gives a suggestion instead.",
    ),
}
"""RES-9: name and meaning of each matching mode."""


SETTINGS = {
    "name": "Name",
    "default_region": "Default region",
    "matching_mode": "Matching mode",
    "mobile_identification": "Mobile Phone Number Identification",
    "shared_limit": "Profiles that may share a value",
    "default_inbox_id": "Default inbox",
    "undo_days": "Days to undo a merge",
    "silent_days": "Days until a silent number may have a new owner",
    "session_idle_minutes": "Minutes until an unused session ends",
    "assign_on_answer": "Answering takes the conversation",
    "merge_policies": "Merge rules",
    "match_weights": "Match weights",
    "visitor_sign_in": "When a visitor signs in",
    "own_addresses": "Your own addresses",
    "relays": "Addresses that send for others",
}
"""Every setting of an organization."""

VISITOR_SIGN_IN = {
    "suggest": (
        "Suggest",
        "An agent decides whether the earlier anonymous chat was the same customer's.",
    ),
    "join": (
        "Join at once",
        "The anonymous chat is merged into the customer's profile. Choose this only where nobody shares a browser.",
    ),
}
"""RES-17: what becomes of the anonymous profile of a browser whose visitor signs in."""

CUSTOMER_IN = {
    "reply_to": "In Reply-To",
    "original_from": "In X-Original-From",
    "body": "In a line of the text",
}
"""RES-18: where a mail that was sent for somebody names the customer."""

MAIL_CHANGES = {
    "add-own": "Add your own address",
    "remove-own": "Remove your own address",
    "add-relay": "Add an address that sends for others:",
    "remove-relay": "Remove an address that sends for others:",
}


class Feature(NamedTuple):
    """What a feature of two profiles means, and what seeing it does."""

    meaning: str
    effect: str


_RAISES, _SUPPORTS, _WEAKENS = "opens a suggestion", "supports", "weakens"
FEATURES = {
    "prior": Feature("How many of the compared pairs are the same customer", "the starting point"),
    "customer_id": Feature("Both have the same customer ID, current or former", _RAISES),
    "customer_id_differs": Feature("Both have customer IDs, and none in common", _WEAKENS),
    "email": Feature("Both list the same email", _RAISES),
    "role_email": Feature("The same address of a function: info@, office@", _RAISES),
    "same_mailbox": Feature(
        "Two spellings that reach one mailbox: a +tag, dots, another domain of a provider", _RAISES
    ),
    "mistyped_domain": Feature("Equal but for a well-known provider mistyped: gmial.com", _RAISES),
    "typing_slip": Feature("One letter more, less, other or swapped before the @", _RAISES),
    "thread": Feature("Somebody new replied into a customer's conversation", _RAISES),
    "browser": Feature("A customer signed in from a browser in which somebody had chatted without", _RAISES),
    "social": Feature("The same account of a network", _RAISES),
    "handle": Feature("The same username or handle", _RAISES),
    "mobile": Feature("The same number, listed as a mobile by one of them", _RAISES),
    "phone": Feature("The same home, office or other phone", _RAISES),
    "name": Feature("The same words, in any order", _SUPPORTS),
    "name_similar": Feature("One abbreviates, or leaves out words of the other", _SUPPORTS),
    "name_differs": Feature("Both have names, and these are others", _WEAKENS),
    "address": Feature("One of each is the same street, city, postal code and country", _SUPPORTS),
    "address_differs": Feature("Both have addresses, and none in common", _WEAKENS),
    "birth_date": Feature("The same birth date", _SUPPORTS),
    "birth_date_differs": Feature("Two birth dates", _WEAKENS),
}
"""Every feature of a comparison (SUG-5)."""

POLICY_FIELDS = {
    "name": ("Name", "the longer one is kept"),
    "image": ("Image", "the current profile's is kept"),
    "username": ("Username", "the current profile's is kept"),
    "main_email": ("Main email", "the current profile's stays Main; both emails are kept"),
    "attributes": ("Free attributes", "the current profile's are kept"),
    "details": ("Details", "both are kept, marked with where each came from"),
    "customer_id": ("Customer ID", "the other one is kept as a former ID, still searchable"),
    "main_phone": ("Main phone", "the other one is kept as an ordinary phone"),
    "phone_type": ("Type of a number", "home, office or mobile; “other” always gives way"),
}
"""MRG-4: each field with a policy, and what the rules do with it."""

PRESETS = {
    "by-rule": ("By the rules", "The rule's choice is preselected; a conflict that the rules refuse stops the merge."),
    "ask": ("Ask every time", "The agent decides each mismatch; no merge is refused because of one."),
}

BLOCKED_KINDS = {
    "email": ("Email", "ann@example.com, noemail@* or *@example.com"),
    "phone": ("Phone", "a number, or a provider's code such as “anonymous”"),
    "social": ("Social account", "network:user id, such as instagram:1784, or instagram:* for all of a network"),
    "customer_id": (
        "Customer ID",
        "such as 9999 or “shop-test”; placeholders such as 0, null or {{id}} are blocked anyway",
    ),
    "visitor": ("Chat token", "a browser's token that several people use, such as a kiosk's"),
}
"""PRO-12: what can be blocked, and how it is written."""

ROLES = {
    "agent": "Answers customers, adds and merges them.",
    "lead": "And works through duplicates, undoes merges, reads the audit log.",
    "admin": "And changes these settings, exports and erases customers.",
}

SCOPES = {
    "contacts:write": "Send contacts: what channels and gateways need",
    "profiles:read": "Read customers, conversations and merges",
    "profiles:write": "Add, change and merge customers; write to them",
    "profiles:export": "Export everything kept of a customer",
    "profiles:erase": "Erase customers for good",
    "merges:undo": "Undo merges",
    "audit:read": "Read the audit log",
    "settings:read": "Read these settings, agents and inboxes",
    "settings:write": "Change these settings; make and revoke API keys",
}
"""What an API key may do, by scope."""

EVENTS = {
    "contact.received": "A contact came in",
    "conversation.updated": "A conversation was assigned, routed, closed or reopened",
    "message.written": "An agent wrote to a customer",
    "note.written": "An agent wrote a note",
    "profile.created": "A customer was added",
    "profile.detached": "A contact point was detached",
    "profile.erased": "A customer was erased",
    "profile.merged": "Two customers were merged",
    "profile.unmerged": "A merge was undone",
    "profile.updated": "A customer was changed",
    "suggestion.dismissed": "“No Match” was said",
    "suggestion.raised": "Two customers may be the same",
    "suggestion.reopened": "A “No Match” was withdrawn",
    "task.written": "An agent wrote a task",
}
"""Every type of event (EVT-1)."""

DISABLED = {
    "by_hand": "disabled by hand",
    "gone_410": "disabled: the receiver said that it is gone for good (410)",
    "failed_three_days": "disabled: nothing could be delivered for three days",
}

ERRORS = {
    "address_refused": "its address is not public",
    "name_unresolved": "its name has no address",
    "connection_failed": "no connection",
    "tls_failed": "its certificate was not accepted",
    "timeout": "no answer in time",
    "bad_answer": "its answer could not be read",
    "redirected": "it led elsewhere, which is not followed",
    "gone": "it said that it is gone",
    "refused": "it refused",
}
"""Why a delivery failed."""

DELIVERIES = {"pending": "on its way", "delivered": "delivered", "failed": "failed"}

RUNS = {
    "identify_mobiles": "Identifying mobiles",
    "preview_identify_mobiles": "Preview",
    "rebuild_matches": "Re-scoring suggestions",
}
RUN_STATES = {"running": "running", "stopped": "stopped", "finished": "finished", "failed": "failed"}


def frequency(share: float) -> str:
    """How often something is seen, as a percentage with no digits too many: 90 %, 0.05 %."""
    return f"{percent_digits(share)} %"


def percent_digits(share: float) -> str:
    """A share in percent, as a form takes it back."""
    return f"{(Decimal(repr(share)) * 100).normalize():f}"


def strength(weight: Weight) -> str:
    """What seeing a feature says, in words."""
    bits = weight.bits
    side = "for" if bits > 0 else "against"
    for least, word in ((8, "very strongly "), (5, "strongly "), (2, "")):
        if abs(bits) >= least:
            return f"speaks {word}{side}"
    return f"speaks a little {side}"
