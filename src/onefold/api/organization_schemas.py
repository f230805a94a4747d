"""The JSON of what an organization is set up with: settings, blocklist, runs, inboxes, agents, keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from onefold.accounts.service import Role, Scope
from onefold.api.schemas import Input
from onefold.contact_points.blocklist import BlockedKind
from onefold.organizations.mail_senders import MOST_ENTRIES, CustomerIn
from onefold.organizations.merge_policies import Mode
from onefold.organizations.policy import BOUNDS, MatchingMode, VisitorSignIn


def _bounds_of(setting: str) -> Any:
    least, most = BOUNDS[setting]
    return Field(ge=least, le=most)


class Inbox(BaseModel):
    """A queue conversations are routed to."""

    id: str
    name: str
    agent_ids: list[str]


class NamedInput(Input):
    """A name."""

    name: Annotated[str, Field(min_length=1, max_length=300)]


class NewAgent(Input):
    """An agent to add."""

    email: Annotated[str, Field(max_length=320)]
    name: Annotated[str, Field(min_length=1, max_length=300)]
    role: Role = "agent"


class AgentChange(Input):
    """What to change of an agent; an inactive one is signed out everywhere."""

    name: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    role: Role | None = None
    active: bool | None = None


class Agent(BaseModel):
    """A person who signs in."""

    id: str
    email: str
    name: str
    role: Role
    active: bool
    recent_inbox_id: str | None


def _from_text(value: object) -> datetime:
    if not isinstance(value, str):  # a number is no moment: seconds or milliseconds?
        raise ValueError
    return datetime.fromisoformat(value)


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # the first and the last hours of the calendar
        raise ValueError from None


Moment = Annotated[AwareDatetime, BeforeValidator(_from_text), AfterValidator(_in_utc)]
"""A moment as RFC 3339 text, with its offset from UTC."""


class NewKey(Input):
    """An API key to make."""

    name: Annotated[str, Field(min_length=1, max_length=300)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=10)]
    expires_at: Moment | None = None


class Key(BaseModel):
    """An API key, without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class MadeKey(Key):
    """A new API key with its token, which is shown this once."""

    token: str


class Relay(Input):
    """An address that sends for others, and where its mail names the customer (RES-18)."""

    address: Annotated[str, Field(max_length=320, description="An address, or `*@domain`.")]
    customer_in: CustomerIn = Field(description="Reply-To, X-Original-From, or a line of the text.")
    line: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="With `body`: the line, with a `*` where the address stands, such as `Email: *`."
    )
    proven: bool = Field(False, description="Whether what it names is as good as the customer's own mail.")


_OwnAddresses = Annotated[list[Annotated[str, Field(max_length=320)]], Field(max_length=MOST_ENTRIES)]
_Relays = Annotated[list[Relay], Field(max_length=MOST_ENTRIES)]


class MailPreviewInput(Input):
    """Own addresses and relays to try; what is left out stays as it is."""

    own_addresses: _OwnAddresses | None = None
    relays: _Relays | None = None


class FiledOtherwise(BaseModel):
    """A mail that would be filed otherwise: by whose address, before and after; null where it is set aside."""

    item_id: str | None
    profile_id: str | None
    subject: str | None
    occurred_at: datetime
    sender: str
    customer_before: str | None
    customer_after: str | None


class MailPreview(BaseModel):
    """How many of the last mails would be filed otherwise, and the newest of them."""

    mails: int
    filed_otherwise: int
    examples: list[FiledOtherwise]


class Settings(BaseModel):
    """The organization's settings."""

    name: str
    default_region: str
    matching_mode: MatchingMode
    mobile_identification: bool
    shared_limit: int
    default_inbox_id: str
    undo_days: int = Field(description="How long a lead can undo a merge (MRG-13); 0: never.")
    silent_days: int = Field(description="After so long a silence a mobile may have a new owner (RES-21); 0: never.")
    session_idle_minutes: int = Field(description="After so long without use an agent's session ends.")
    assign_on_answer: bool = Field(description="Who answers a conversation that nobody has taken is assigned to it.")
    merge_policies: dict[str, str] = Field(description="What happens where both sides of a merge differ, by field.")
    match_weights: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(
        description="m and u of each feature (docs/matching.md)."
    )
    visitor_sign_in: VisitorSignIn = Field(
        description="What becomes of the anonymous profile of a browser when its visitor signs in (RES-17)."
    )
    own_addresses: list[str] = Field(description="Addresses and domains whose mail is never a customer's (RES-18).")
    relays: list[Relay] = Field(description="Addresses that send for others (RES-18).")


_Probability = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class SettingsChange(Input):
    """What to change of the settings."""

    name: Annotated[str, Field(min_length=1, max_length=300)] = ""
    default_region: Annotated[str, Field(min_length=2, max_length=2)] = ""
    matching_mode: MatchingMode = "listed"
    mobile_identification: bool = False
    shared_limit: Annotated[int, _bounds_of("shared_limit")] = 20
    default_inbox_id: Annotated[str, Field(max_length=100)] = ""
    undo_days: Annotated[int, _bounds_of("undo_days")] = 30
    silent_days: Annotated[int, _bounds_of("silent_days")] = 180
    session_idle_minutes: Annotated[int, _bounds_of("session_idle_minutes")] = 480
    assign_on_answer: bool = True
    merge_policies: Literal["by-rule", "ask"] | dict[Annotated[str, Field(max_length=40)], Mode] = Field(
        "by-rule", description="A preset, or modes by field: rule or ask; refuse or choose (MRG-4)."
    )
    match_weights: dict[
        Annotated[str, Field(max_length=40)], Annotated[list[_Probability], Field(min_length=2, max_length=2)]
    ] = Field(
        {}, description="By feature: how often it is seen between two profiles of one customer (m), and of two (u)."
    )
    visitor_sign_in: VisitorSignIn = "suggest"
    own_addresses: _OwnAddresses = Field([], description="All of them: addresses, and domains as `*@domain` (RES-18).")
    relays: _Relays = Field([], description="All of them: addresses that send for others (RES-18).")


class Obstacle(BaseModel):
    """A value that would open several profiles."""

    kind: str
    value: str
    profile_ids: list[str]


class Candidate(BaseModel):
    """A value that more profiles share than may raise suggestions (SUG-6)."""

    kind: str
    value: str
    profiles: int


class ModePreview(BaseModel):
    """What switching the matching mode would do (RES-9)."""

    mode: MatchingMode
    changes: int = Field(description="Contact points that would begin, or stop, opening their profile.")
    obstacles: list[Obstacle]


class Entry(BaseModel):
    """A line of the blocklist (PRO-12)."""

    kind: BlockedKind
    value: str


class NewEntry(Input):
    """A value to block; for emails also `local@*` and `*@domain`, for social accounts `network:*`."""

    kind: BlockedKind
    value: Annotated[str, Field(min_length=1, max_length=300)]
    confirm: Annotated[str, Field(max_length=300)] | None = Field(
        None, description="The value again, where the preview asks for it."
    )


class BlockPreview(BaseModel):
    """What blocking a value would do: contact points that would open nothing any more, and of how many profiles."""

    entry: Entry
    contact_points: int
    profiles: int
    examples: list[str]
    confirm: bool = Field(description="Whether so many are touched that the value has to be sent again as `confirm`.")


class Run(BaseModel):
    """Long work: its progress, and what it has done so far."""

    id: str
    kind: str
    state: Literal["running", "stopped", "finished", "failed"]
    done: int
    total: int | None
    counts: dict[str, int]
    created_at: datetime
    updated_at: datetime
