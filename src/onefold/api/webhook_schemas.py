"""The JSON of webhooks: where events are sent, and what became of each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from onefold.api.organization_schemas import Moment
from onefold.api.schemas import Input

Url = Annotated[str, Field(min_length=1, max_length=2_000, description="https, on the public internet.")]
Description = Annotated[str, Field(max_length=500)]
EventTypes = Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=50)]
State = Literal["enabled", "disabled"]
DeliveryState = Literal["pending", "delivered", "failed"]


class NewWebhook(Input):
    """Where to send events, and which; all of them if none are named."""

    url: Url
    description: Description = ""
    event_types: EventTypes | None = None


class WebhookChange(Input):
    """What to change of a webhook; what is left out stays. Enabled again, it resumes where it stopped."""

    url: Url = ""
    description: Description = ""
    event_types: EventTypes | None = None
    state: State = "enabled"


class Webhook(BaseModel):
    """Where events are sent, without its secret."""

    id: str
    url: str
    description: str
    event_types: list[str] | None
    state: State
    reason: Literal["by_hand", "gone_410", "failed_three_days"] | None = Field(description="Why it is disabled.")
    failing_since: datetime | None = Field(description="The first failed try since something was delivered.")
    previous_secret_until: datetime | None = Field(description="Until then two secrets sign.")
    created_at: datetime


class MadeWebhook(Webhook):
    """A webhook with its new secret, which is shown this once."""

    secret: str


class Rotation(Input):
    """For how long the secret so far signs as well; 0: it is no secret any more."""

    previous_valid_hours: Annotated[int, Field(ge=0, le=168)] = 24


class Delivery(BaseModel):
    """One event on its way to one webhook."""

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    profile_id: str
    state: DeliveryState
    attempts: int
    next_at: datetime | None = Field(description="When it is tried next; none: it waits for an earlier one.")
    last_status: int | None
    last_error: str | None
    created_at: datetime
    ended_at: datetime | None


class Since(Input):
    """A moment: what has failed of what happened since then is sent again."""

    since: Moment


class Repeated(BaseModel):
    """How many deliveries were put in line again; `more`: ask once more for the rest."""

    repeated: int
    more: bool
