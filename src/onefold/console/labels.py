"""What pages call things: kinds, channels, rules, reasons and actions in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from onefold.accounts.signing_in import Way
from onefold.audit.service import Action
from onefold.contact_points.blocklist import BlockedKind
from onefold.conversations.presence import Present
from onefold.conversations.sending import SendingState

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
    "passkey-added": "Passkey added. You can now sign in with it.",
    "passkey-removed": "Passkey removed.",
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
    "agent.passkey_added": "Passkey added",
    "agent.passkey_removed": "Passkey removed",
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
    "passkey": "by a passkey",
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
