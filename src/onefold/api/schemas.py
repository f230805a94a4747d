"""The JSON of the API: strict on what comes in, complete on what goes out."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from onefold.contact_points.kinds import PhoneType
from onefold.contact_points.standing import SenderState, Standing
from onefold.conversations.sending import SendingState
from onefold.core.errors import InvalidValue
from onefold.core.ids import is_id

Text = Annotated[str, Field(max_length=2_000)]
Name = Annotated[str, Field(max_length=300)]
T = TypeVar("T")


class Input(BaseModel):
    """A body: unknown fields are refused, so that a slip of the pen is not taken for a choice."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewContactPoint(Input):
    """A contact point to list on a profile (PRO-2)."""

    kind: Literal["email", "phone", "social"]
    value: Text = Field(description="The address, the number in any format, or the network's user id.")
    network: Annotated[str, Field(max_length=40)] = ""
    type: PhoneType | None = Field(None, description="Phones only.")
    main: bool = False
    sms: bool = Field(False, description="Phones only: an SMS may be sent to it (PRO-11).")
    handle: Name | None = None


class ContactPointChange(Input):
    """What to change of a contact point; what is left out stays."""

    value: Text | None = None
    type: PhoneType | None = None
    main: bool | None = None
    sms: bool | None = None
    handle: Name | None = None


# Python reads NaN and Infinity as numbers; JSON has neither, and PostgreSQL refuses them.
_Number = Annotated[float, Field(allow_inf_nan=False)]
Attributes = dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=2_000)] | bool | int | _Number]

AttributeChanges = dict[
    Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=2_000)] | bool | int | _Number | None
]


class NewDetail(Input):
    """A detail to add."""

    key: Annotated[str, Field(min_length=1, max_length=200)]
    value: Text


class NewRelationship(Input):
    """The other profile is `kind` of this one (PRO-8)."""

    profile_id: Annotated[str, Field(max_length=100)]
    kind: Annotated[str, Field(min_length=1, max_length=100)]


class NewProfile(Input):
    """A profile added by hand (PRO-6)."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "Ada Lovelace",
                    "customer_id": "C-1815",
                    "contact_points": [
                        {"kind": "email", "value": "Ada@Example.com", "main": True},
                        {"kind": "phone", "value": "+44 20 7946 0000", "type": "home"},
                    ],
                }
            ]
        },
    )
    name: Name | None = None
    username: Name | None = None
    image: Text | None = None
    customer_id: Annotated[str, Field(max_length=200)] | None = None
    contact_points: Annotated[list[NewContactPoint], Field(max_length=50)] = []
    details: Annotated[list[NewDetail], Field(max_length=100)] = []
    relationships: Annotated[list[NewRelationship], Field(max_length=50)] = []
    attributes: Attributes = {}


class ProfileChange(Input):
    """What to change of a profile; what is left out stays, null empties."""

    name: Name | None = None
    username: Name | None = None
    image: Text | None = None
    customer_id: Annotated[str, Field(max_length=200)] | None = None
    attributes: AttributeChanges | None = Field(
        None, description="Key by key; null takes one away (RFC 7396), and null for all of them every one."
    )


class ContactPoint(BaseModel):
    """A contact point of a profile. `value` is the normal form; a phone's is what to dial."""

    id: str
    kind: Literal["email", "phone", "social", "visitor"]
    value: str
    written: str | None
    type: PhoneType | None
    main: bool
    sms: bool
    handle: str | None
    identifying: bool = Field(description="Alone, it opens the profile (PRO-3).")
    contacted: bool = Field(description="The customer has contacted from it.")
    current: bool = Field(description="False for a social account that is not the one shown of its network (MRG-3).")
    undeliverable: bool = Field(description="A mail server has said that nothing arrives there (RES-19).")
    standing: Standing = Field(
        description="How it is known (PRO-13): `contacted` from, `entered` by an agent or a system that vouches for "
        "it, or only `claimed`; what is claimed opens nothing until it is confirmed."
    )
    proven: bool = Field(description="False while it is only claimed.")


class Detail(BaseModel):
    """A general fact about the customer (PRO-7)."""

    id: str
    key: str
    value: str
    from_profile_id: str | None = Field(description="Which profile brought it, where a merge kept two values (MRG-3).")


class DetailChange(Input):
    """What to change of a detail."""

    key: Annotated[str, Field(min_length=1, max_length=200)] = ""
    value: Text = ""


class AddressFields(Input):
    """A postal address; every line is optional."""

    label: Text | None = None
    street: Text | None = None
    city: Text | None = None
    region: Text | None = None
    postal_code: Text | None = None
    country: Text | None = None


class Address(BaseModel):
    """A postal address of a profile."""

    id: str
    label: str | None
    street: str | None
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None


class Relationship(BaseModel):
    """A relationship as seen from this profile."""

    id: str
    kind: str
    profile_id: str
    name: str


class Suggestion(BaseModel):
    """Another profile that may be the same customer, how likely it is, and the kinds of evidence."""

    profile_id: str
    rating: float = Field(description="The probability that both are one customer, 0 to 1.")
    kinds: list[str]


class ProfileSummary(BaseModel):
    """A profile in a list."""

    id: str
    display_name: str
    name: str | None
    name_confirmed: bool
    customer_id: str | None
    emails: list[str]
    phones: list[str]
    created_at: datetime


class Profile(BaseModel):
    """A Customer Profile (PRO-1). Its ETag is its version."""

    id: str
    display_name: str
    name: str | None
    name_confirmed: bool
    username: str | None
    image: str | None
    customer_id: str | None
    claimed_customer_ids: list[str] = Field(
        description="Customer IDs that are only claimed (PRO-13); to confirm one, set it as the customer ID."
    )
    former_customer_ids: list[str] = Field(description="Kept by merges; they are searched and open the profile.")
    contact_points: list[ContactPoint]
    details: list[Detail]
    addresses: list[Address]
    relationships: list[Relationship]
    attributes: dict[str, Any]
    suggestions: list[Suggestion]
    former_ids: list[str] = Field(description="Profiles that were merged into this one.")
    created_by: str | None
    created_at: datetime
    version: int


class Conversation(BaseModel):
    """A thread of work with a customer."""

    id: str
    profile_id: str
    inbox_id: str
    assignee_id: str | None
    state: Literal["open", "closed"]
    opened_at: datetime
    closed_at: datetime | None


class ConversationChange(Input):
    """Routes, assigns (null: nobody), closes or reopens a conversation."""

    inbox_id: Annotated[str, Field(max_length=100)] = ""
    assignee_id: Annotated[str, Field(max_length=100)] | None = None
    state: Literal["open", "closed"] | None = None


class NewItem(Input):
    """A note or a task (no channel), or an outgoing message to one of the customer's contact points. A message is
    recorded; Onefold sends nothing yet (SND-1)."""

    body: Annotated[str, Field(max_length=1_000_000)]
    subject: Annotated[str, Field(max_length=1_000)] | None = None
    channel: Literal["email", "sms", "whatsapp", "social", "chat"] | None = None
    contact_point_id: Annotated[str, Field(max_length=100)] | None = None
    kind: Literal["note", "task"] = Field("note", description="What it is, if it goes out on no channel.")
    agent_id: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="On whose behalf an API key writes; a signed-in agent writes for itself."
    )


class Attachment(BaseModel):
    """A file that came with a message; read it at the item's `attachments/{position}`."""

    position: int
    filename: str
    content_type: str
    size: int = Field(description="Bytes.")


class Item(BaseModel):
    """An entry of a timeline, which is in the order of when things happened. Ids grow in the order of arrival."""

    id: str
    conversation_id: str | None = Field(description="None for an event of a profile without an open conversation.")
    contact_point_id: str | None
    kind: str
    direction: Literal["in", "out"] | None
    state: SendingState | None = Field(
        description="Where an outgoing message is; null for everything else. `not_sent`: it is recorded, and told to "
        "other systems by the event `message.written`, but Onefold itself has not sent it (SND-1)."
    )
    channel: str | None
    message_id: str | None
    inbox_id: str | None = Field(description="The inbox that it was routed to; null for what did not come in.")
    further_inbox_ids: list[str] = Field(description="Inboxes that it was delivered to as well (RES-12).")
    agent_id: str | None
    subject: str | None
    body: str | None
    sender_state: SenderState | None = Field(
        description="Of what came in: whether the sender is `proven`, `unchecked` or `failed` (RES-14)."
    )
    verified: bool = Field(description="False where the sender's state is `failed`.")
    attachments: list[Attachment]
    occurred_at: datetime
    recorded_at: datetime


class Page(BaseModel, Generic[T]):
    """A page of a list; `next_cursor` is null on the last one."""

    data: list[T]
    next_cursor: str | None = None


class Listing(BaseModel, Generic[T]):
    """A whole list."""

    data: list[T]


def cursor_of(position: str) -> str:
    """A position in a list as an opaque cursor."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def position_of(cursor: str | None) -> str | None:
    """The position behind a cursor; raises InvalidValue."""
    if cursor is None:
        return None
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        raise invalid_cursor() from None


def id_of(cursor: str | None) -> str | None:
    """The id behind a cursor of a list that is in the order of its ids; raises InvalidValue."""
    position = position_of(cursor)
    if position is not None and not is_id(position):
        raise invalid_cursor()
    return position


def number_of(cursor: str | None) -> int | None:
    """The number behind a cursor of a list that is in the order of its numbers; raises InvalidValue."""
    position = position_of(cursor)
    if position is not None and not (position.isdigit() and len(position) < 19):
        raise invalid_cursor()
    return None if position is None else int(position)


def invalid_cursor() -> InvalidValue:
    """The refusal of a cursor that this service has not handed out for this list."""
    return InvalidValue("cursor is none of this list's.", code="invalid_cursor", field="cursor")
