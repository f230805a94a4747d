"""The channels that customers arrive by, and the kinds of contact points that identify them."""

from __future__ import annotations

from typing import Literal

Channel = Literal["email", "voice", "sms", "whatsapp", "social", "chat"]
CHANNELS: tuple[Channel, ...] = ("email", "voice", "sms", "whatsapp", "social", "chat")
PHONE_CHANNELS = frozenset(("voice", "sms", "whatsapp"))

Kind = Literal["email", "phone", "social", "visitor", "customer_id"]
"""The kinds of contact points, and `customer_id`, which is kept with them because it opens a profile as they do."""

PhoneType = Literal["mobile", "home", "office", "other"]
PHONE_TYPES: tuple[PhoneType, ...] = ("mobile", "home", "office", "other")
