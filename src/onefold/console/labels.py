"""What pages say: kinds, channels, rules and reasons in plain words, times in the agent's zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from onefold.accounts.signing_in import Way
from onefold.audit.service import Action
from onefold.channels.mail_reply import fold_quotes
from onefold.console import marking, times
from onefold.contact_points.blocklist import BlockedKind
from onefold.contact_points.phones import readable
from onefold.contact_points.points import HeldPoint
from onefold.conversations.presence import Present
from onefold.conversations.sending import SendingState, state_of
from onefold.merging.snapshot import Address

CHANNELS = {
    "email": "Email",
    "voice": "Call",
    "sms": "SMS",
    "whatsapp": "WhatsApp",
    "social": "Social",
    "chat": "Chat",
}
KINDS = {
    "email": "Email",
    "phone": "Phone",
    "social": "Social",
    "visitor": "Chat visitor",
    "customer_id": "Customer ID",
    "handle": "Handle",
    "similar_email": "Similar email",
    "thread": "Conversation",
    "browser": "Browser",
}
PHONE_TYPES = {"mobile": "Mobile", "home": "Home", "office": "Office", "other": "Other"}
ROLES = {"agent": "Agent", "lead": "Lead", "admin": "Admin"}
NETWORKS = {"facebook": "Facebook", "instagram": "Instagram", "x": "X", "twitter": "Twitter", "linkedin": "LinkedIn"}

REASONS = {
    "prior": "Starting point",
    "customer_id": "Same customer ID",
    "customer_id_differs": "Different customer IDs",
    "email": "Same email",
    "role_email": "Same address of a function",
    "same_mailbox": "Two spellings of one mailbox",
    "mistyped_domain": "Same email but for a mistyped provider",
    "typing_slip": "Emails one typing slip apart",
    "thread": "Replied into the other's conversation",
    "browser": "Signed in from the browser in which the other had chatted",
    "social": "Same social account",
    "handle": "Same handle",
    "mobile": "Same mobile phone",
    "phone": "Same phone",
    "name": "Same name",
    "name_similar": "Similar name",
    "name_differs": "Different names",
    "address": "Same address",
    "address_differs": "Different addresses",
    "birth_date": "Same birth date",
    "birth_date_differs": "Different birth dates",
}
"""Every feature of a comparison (SUG-5)."""

FIELDS = {
    "name": "Name",
    "image": "Image",
    "username": "Username",
    "customer_id": "Customer ID",
    "main_phone": "Main phone",
    "main_email": "Main email",
    "phone_type": "Type of",
    "social": "Shown account on",
    "attributes": "Attribute",
    "details": "Detail",
    "addresses": "Addresses",
}

WHY = {
    "only_one": "only one side has it",
    "equal": "both sides agree",
    "longer_name": "the longer name is kept",
    "current_profile": "the current profile's is kept",
    "both_open_one_shown": "both still open the profile; this one is shown",
    "specific_type": "“other” gives way to a specific type",
    "both_kept": "both are kept, marked with where they came from",
    "chosen": "your choice",
    "asked": "choose one",
    "refused": "has to be resolved",
    "step": "cleared by the step you took",
}

FLASH_MESSAGES = {
    "added": "Customer added.",
    "saved": "Saved.",
    "already-done": "This was done already, once. A key or a link that is shown only once can’t be shown again.",
    "merged": "Merged. The timeline says so, and every list shows the customer's one name.",
    "filed": "Call filed with this customer.",
    "dismissed": "No Match. This pair won't be suggested again on the same evidence.",
    "reopened": "“No Match” withdrawn.",
    "already-one": "Somebody was faster: the two are already one customer.",
    "changed-since": "One of the two has changed since you saw it; here is the pair as it is now.",
    "not-suggested": "This pair is no longer suggested.",
    "dismissed-many": "No Match for every selected pair.",
    "dismissed-some": "No Match for the selected pairs, except those that somebody else has decided on.",
    "detached": "Detached into a new customer.",
    "undone": "Merge undone. The customer is restored with its ID.",
    "removed": "Removed.",
    "confirmed": "Confirmed.",
    "erased": "The customer is erased, with everything that was kept of them.",
    "moved": "The conversation is with this customer now.",
    "number-given": "The number is this new customer's now.",
    "message-filed": "Filed with this customer.",
    "not_sent": "Recorded, not sent.",
    "note-added": "Note added.",
    "task-added": "Task added.",
    "closed": "Conversation closed.",
    "opened": "Conversation reopened.",
    "routed": "Conversation routed.",
    "assigned": "Conversation assigned.",
    "assigned-several": "Conversations assigned.",
    "routed-several": "Conversations routed.",
    "assigned-some": "Assigned, except those that somebody else has changed since you saw them.",
    "routed-some": "Routed, except those that somebody else has changed since you saw them.",
    "draft-deleted": "Draft discarded.",
    "moved-on": "That customer was merged into this one.",
    "signed-out": "You are signed out.",
    "signed-out-everywhere": "You are signed out on every other device.",
    "session-ended": "The session has ended.",
    "started": "Started. It continues in the background.",
    "stopped": "Stopped. You can resume it here.",
    "repeated": "It is being sent again.",
    "password": "Password changed.",
    "second-factor-on": "Second factor turned on.",
    "second-factor-off": "Second factor turned off.",
    "linked": "Account linked. You can now sign in with the provider.",
    "unlinked": "Link to the provider removed.",
    "revoked": "Revoked. It stops working within seconds.",
    "switched": "Switched.",
    "rated-anew": "Saved. Suggestions are being re-scored in the background.",
    "blocked": "Blocked. It no longer opens a profile or raises suggestions.",
    "unblocked": "Removed. If only one customer holds it, it opens that profile again.",
    "inbox-added": "Inbox added.",
    "activated": "Activated.",
    "deactivated": "Deactivated, and signed out everywhere.",
    "signed-out-agent": "Signed out everywhere. One-time links made before no longer work.",
    "enabled": "Enabled. It resumes where it stopped.",
    "disabled": "Disabled. Its deliveries wait for seven days.",
    "repeated-all": "Everything that failed is being sent again.",
    "repeated-some": "The first 5,000 are being sent again. Repeat for the rest.",
    "repeated-none": "Nothing has failed since then.",
}
"""What was just done, by the word that the address carries after it."""


UNSENT = {"email": "emails", "sms": "SMS", "whatsapp": "WhatsApp messages"}
"""What the composer writes to customers, as it says that it can't be sent (SND-1)."""

SENDING_STATES: dict[SendingState, str] = {"not_sent": "not sent"}

_BY_ITSELF = "It continues by itself, even if you leave this page."
IN_PROCESS = {
    "merge": f"The merge is in process. {_BY_ITSELF}",
    "merges": f"The bulk merge is being started. {_BY_ITSELF}",
    "undo": f"Undoing the merge is in process. {_BY_ITSELF}",
    "detach": f"Detaching is in process. {_BY_ITSELF}",
}
"""What is said while an answer takes longer than a second (MRG-10)."""

MACHINE = {
    "bounce": "not delivered",
    "delay": "delivery delayed",
    "auto_reply": "auto-reply",
    "receipt": "receipt",
    "list": "list mail",
    "other": "automatic",
}
"""What a mail is that no person wrote (RES-19)."""

SENT_FOR = {"forward": "forwarded by", "relay": "sent for them by"}
"""RES-18: how somebody else's address comes to be a mail's From."""

SENT_FOR_TITLES = {
    "claimed": "That this customer wrote it is not confirmed",
    "confirmed": "Your settings say that this address names only customers it has checked",
}

SET_ASIDE = {
    "machine": "A mail server's notice about nobody known",
    "own_address": "From one of your own addresses",
    "relay": "Sent for somebody it doesn't name",
}

RUN_KINDS = {
    "merge_pairs": "Bulk merge",
    "identify_mobiles": "Mobile Phone Number Identification",
    "preview_identify_mobiles": "Preview of Mobile Phone Number Identification",
    "rebuild_matches": "Re-scoring suggestions",
    "rebuild_search": "Search brought up to date",
}
RUN_STATES = {"running": "under way", "stopped": "stopped", "finished": "finished", "failed": "failed"}
RUN_COUNTS = {"one_already": "already merged", "no_match": "left out (“No Match”)"}

ACTIONS: dict[Action, str] = {
    "profile.merged": "Merge",
    "profile.unmerged": "Merge undone",
    "profile.detached": "Contact point detached",
    "suggestion.dismissed": "No Match",
    "suggestion.reopened": "No Match withdrawn",
    "merges.started": "Bulk merge started",
    "profile.erased": "Customer erased",
    "conversation.moved": "Conversation moved",
    "number.given": "Number has a new owner",
    "contact.filed": "Message filed",
    "contact.removed": "Message removed",
    "profile.exported": "Customer exported",
    "file.downloaded": "File downloaded",
    "session.begun": "Signed in",
    "session.refused": "Sign-in refused",
    "session.ended": "Signed out",
    "organization.added": "Organization added",
    "agent.added": "Agent added",
    "agent.changed": "Agent changed",
    "agent.password_set": "Password set",
    "agent.invited": "Agent invited",
    "agent.link_made": "Sign-in link created",
    "agent.second_factor_on": "Second factor on",
    "agent.second_factor_off": "Second factor off",
    "agent.provider_linked": "Account at the sign-in provider linked",
    "agent.provider_unlinked": "Account at the sign-in provider unlinked",
    "agent.signed_out_everywhere": "Signed out everywhere",
    "key.made": "API key created",
    "key.revoked": "API key revoked",
    "inbox.added": "Inbox added",
    "inbox.renamed": "Inbox renamed",
    "inbox.agent_assigned": "Agent assigned to an inbox",
    "inbox.agent_removed": "Agent taken off an inbox",
    "settings.changed": "Settings changed",
    "blocklist.added": "Value blocked",
    "blocklist.removed": "Value unblocked",
    "run.stopped": "Run stopped",
    "run.resumed": "Run resumed",
    "webhook.added": "Webhook added",
    "webhook.changed": "Webhook changed",
    "webhook.secret_made": "Webhook secret made",
    "webhook.removed": "Webhook removed",
    "webhook.repeated": "Webhook deliveries repeated",
}
"""Every action of the audit log (MRG-14)."""

SIGN_IN_WAYS: dict[Way, str] = {
    "password": "by password",
    "second_factor": "by a code of the second factor",
    "link": "by a one-time link",
    "invitation": "by an invitation",
    "provider": "by single sign-on",
}
BLOCKED_ONE: dict[BlockedKind, str] = {
    "email": "an email",
    "phone": "a phone number",
    "social": "a social account",
    "customer_id": "a customer ID",
    "visitor": "a chat token",
}
"""One value of a kind that can be blocked."""


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


def present(others: Sequence[Present]) -> str:
    """Who else is at a customer, in a line; empty where nobody is."""
    writing = [one.name for one in others if one.writing]
    looking = [one.name for one in others if not one.writing]
    lines = [
        f"{_and(names)} {'is' if len(names) == 1 else 'are'} {doing}"
        for names, doing in ((writing, "writing to this customer"), (looking, "looking at this customer"))
        if names
    ]
    return "; ".join(lines)


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def form_value(value: str | None, names: Mapping[str, str]) -> str:
    """What a field of a form holds, in words: ids by the names they have."""
    return "—" if value is None else names.get(value, value)


FORM_FIELDS = {
    **FIELDS,
    "value": "Value",
    "type": "Type",
    "main": "Main",
    "sms": "SMS",
    "key": "What",
    "label": "Label",
    "street": "Street",
    "postal_code": "Postal code",
    "city": "City",
    "region": "Region",
    "country": "Country",
    "assignee_id": "Assignee",
    "inbox_id": "Inbox",
    "state": "Conversation",
}
"""Fields of forms, as a clash of two agents names them (UI-4)."""

FILTERS: dict[str, Callable[..., Any]] = {
    "address": address,
    "breakable": breakable,
    "customer_name": customer_name,
    "clock": times.clock,
    "count": count,
    "day": times.day,
    "day_of": times.day_of,
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
    "linked": marking.linked,
    "marked": marking.marked,
    "fold_quotes": _fold_shown,
    "shown": lambda text: text[:MOST_SHOWN],
    "verdict": verdict,
    "when": times.when,
}
"""What templates may do to a value."""
