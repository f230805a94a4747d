"""The rules PRO and RES, and of SUG what gives evidence, once more, as plainly as they can be said: lists and loops, no
index, no batch, no database.

The stateful test holds the service against it: the same history in, the same partition out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

IDENTIFYING_KINDS = ("email", "social", "visitor", "customer_id")


@dataclass
class Point:
    kind: str
    value: str
    type: str | None = None
    sms: bool = False
    contacted: bool = False
    identifying: bool = False
    claimed: bool = False
    number: int = field(default_factory=itertools.count().__next__)


@dataclass(eq=False)
class Profile:
    points: list[Point] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    conversations: list[list[str]] = field(default_factory=list)
    open: bool = False

    def point(self, kind: str, value: str) -> Point | None:
        return next((p for p in self.points if (p.kind, p.value) == (kind, value)), None)


@dataclass(frozen=True)
class Event:
    """A contact in words of the model: what identifies it, and what else it says."""

    channel: str
    message_id: str
    kind: str | None
    value: str
    further: tuple[tuple[str, str, str | None], ...] = ()
    failed: bool = False
    vouched: bool = False
    own: bool = False
    """From one of the organization's own addresses (RES-18)."""
    machine: bool = False
    """No person wrote it; with `recipient` it says that nothing arrives there (RES-19)."""
    recipient: str | None = None
    answers: str | None = None
    """The message id of a mail that it answers."""


class Model:
    """An organization, as the rules describe it."""

    def __init__(
        self, *, mode: str, identification: bool, mobiles: set[str], landlines: set[str], blocked: set[str]
    ) -> None:
        self.mode, self.identification, self.blocked = mode, identification, blocked
        self.mobiles, self.landlines = mobiles, landlines
        self.shared_limit = 4
        self.profiles: list[Profile] = []
        self.seen: dict[tuple[str, str, str], Profile | None] = {}
        self.mails: dict[str, list[Profile]] = {}
        # Evidence: the pair, the kind, the value. Its kinds are the exact ones; nothing here has a handle, or an email
        # long enough to be like another.
        self.suggested: set[tuple[frozenset[int], str, str]] = set()

    # who holds what

    def holders(self, kind: str, value: str) -> list[Profile]:
        return [profile for profile in self.profiles if profile.point(kind, value)]

    def identified(self, kind: str, value: str) -> Profile | None:
        return next((p for p in self.holders(kind, value) if p.point(kind, value).identifying), None)  # type: ignore[union-attr]

    def opens(self, point: Point) -> bool:
        if point.claimed or point.value in self.blocked or (point.kind == "phone" and point.type != "mobile"):
            return False
        return self.mode == "listed" or point.contacted

    def suggest(self, profile: Profile, kind: str, value: str) -> None:
        others = [other for other in self.holders(kind, value) if other is not profile]
        # SUG-6: who brought the value without getting it (RES-11) shares it as well.
        sharing = {self.profiles.index(one) for one in (profile, *others)}
        sharing.update(*(pair for pair, *shared in self.suggested if shared == [kind, value]))
        if len(sharing) > self.shared_limit or not others:
            return
        for other in others:
            pair = frozenset((self.profiles.index(profile), self.profiles.index(other)))
            self.suggested.add((pair, kind, value))

    def look_again(self, profile: Profile) -> None:
        """An edit by hand looks again at everything the profile holds (SUG-1)."""
        for point in profile.points:
            if point.kind != "visitor" and point.value not in self.blocked:
                self.suggest(profile, point.kind, point.value)

    def take_back(self, profile: Profile, kind: str, value: str) -> None:
        """What a profile no longer holds speaks for it no longer, whoever it was shared with."""
        number = self.profiles.index(profile)
        self.suggested = {one for one in self.suggested if number not in one[0] or one[1:] != (kind, value)}

    def list_on(self, profile: Profile, point: Point) -> None:
        point.identifying = self.opens(point) and self.identified(point.kind, point.value) is None
        profile.points.append(point)

    # RES

    def receive(self, event: Event) -> Profile | None:
        """Whose it is; None where it is nobody's yet."""
        message = (event.channel, event.message_id, event.value)
        if message in self.seen:
            return self.seen[message]
        profile = self._about(event) if event.own or event.recipient else self._open(event)
        self.seen[message] = profile
        if profile is None:
            return None
        for kind, value, phone_type in event.further:
            self._further(profile, Point(kind, value, phone_type, claimed=event.failed or not event.vouched))
        profile.items.append(event.message_id)
        if event.channel == "email":
            self.mails.setdefault(event.message_id, []).append(profile)
        if not profile.open and not (event.machine and profile.conversations):
            profile.open = True
            profile.conversations.append([])
        profile.conversations[-1].append(event.message_id)
        return profile

    def _about(self, event: Event) -> Profile | None:
        """Of a bounce the recipient it names; else the customer whose message is answered."""
        if event.recipient is not None and event.recipient not in self.blocked:
            known = self.known_holders("email", event.recipient)
            holder = self.identified("email", event.recipient) or (known[0] if len(known) == 1 else None)
            if holder is not None:
                return holder
        written = self.mails.get(event.answers or "", [])
        return written[0] if written else None

    def _open(self, event: Event) -> Profile:
        if event.kind is None or event.value in self.blocked:
            profile = self._new()
            if event.kind is not None:
                profile.points.append(Point(event.kind, event.value, contacted=True, claimed=event.failed))
            return profile
        known = self.identified(event.kind, event.value)
        if event.failed:
            return known or self._open_failed(event.kind, event.value)
        if known is not None:
            point = known.point(event.kind, event.value)
            assert point is not None
            point.contacted, point.sms = True, point.sms or event.channel == "sms"
            return known
        if event.channel == "voice":
            return self._create(Point("phone", event.value, self._type_of_call(event.value), contacted=True))
        if event.channel in ("sms", "whatsapp"):
            return self._text(event)
        return self._create(Point(event.kind, event.value, contacted=True))

    def _open_failed(self, kind: str, value: str) -> Profile:
        """The profile that an earlier failed sender made, else a new one (RES-14)."""
        for profile in self.holders(kind, value):
            point = profile.point(kind, value)
            if point and point.claimed and point.contacted:
                return profile
        return self._create(Point(kind, value, contacted=True, claimed=True))

    def known_holders(self, kind: str, value: str) -> list[Profile]:
        """Those who more than claim it (PRO-13)."""
        return [profile for profile in self.holders(kind, value) if not profile.point(kind, value).claimed]  # type: ignore[union-attr]

    def _type_of_call(self, number: str) -> str:
        points = [point for profile in self.known_holders("phone", number) if (point := profile.point("phone", number))]
        oldest = sorted(points, key=lambda point: (not point.contacted, point.number))[: self.shared_limit + 1]
        types = {point.type for point in oldest}
        if "mobile" in types:
            return "mobile"
        if types:
            return types.pop() or "other" if len(types) == 1 else "other"
        if self.identification and number in self.mobiles:
            return "mobile"
        return "home" if self.identification and number in self.landlines else "other"

    def _text(self, event: Event) -> Profile:
        usable = [
            profile
            for profile in self.known_holders("phone", event.value)
            if self.mode == "listed" or profile.point("phone", event.value).contacted  # type: ignore[union-attr]
        ]
        if len(usable) != 1:
            return self._create(Point("phone", event.value, "mobile", event.channel == "sms", contacted=True))
        point = usable[0].point("phone", event.value)
        assert point is not None
        point.type, point.sms, point.contacted = "mobile", point.sms or event.channel == "sms", True
        point.identifying = True
        self.suggest(usable[0], "phone", event.value)
        return usable[0]

    def _new(self) -> Profile:
        self.profiles.append(Profile())
        return self.profiles[-1]

    def _create(self, point: Point) -> Profile:
        profile = self._new()
        self.list_on(profile, point)
        self.suggest(profile, point.kind, point.value)
        return profile

    def _further(self, profile: Profile, point: Point) -> None:
        kind, value = point.kind, point.value
        if value in self.blocked:
            if not profile.items and not profile.point(kind, value):
                profile.points.append(point)
            return
        if profile.point(kind, value):
            return
        if not self.known_holders(kind, value) or self.mode == "contacted":
            self.list_on(profile, point)
        self.suggest(profile, kind, value)

    # PRO, by hand

    def add(self, profile: Profile, kind: str, value: str, phone_type: str | None) -> bool:
        """False where it is refused."""
        point = Point(kind, value, phone_type)
        there = profile.point(kind, value)
        if (there and not there.claimed) or (self.opens(point) and self.identified(kind, value)):
            return False
        if there:
            profile.points.remove(there)
            point.number = there.number
        self.list_on(profile, point)
        self.look_again(profile)
        return True

    def retype(self, profile: Profile, number: str, phone_type: str) -> bool:
        """False where it is refused."""
        point = profile.point("phone", number)
        assert point is not None
        holder = self.identified("phone", number)
        changed_point = Point("phone", number, phone_type, contacted=point.contacted, claimed=point.claimed)
        if self.opens(changed_point) and holder not in (None, profile):
            return False
        point.type, point.identifying = phone_type, self.opens(changed_point)
        self.look_again(profile)
        return True

    def remove(self, profile: Profile, kind: str, value: str) -> None:
        profile.points = [p for p in profile.points if (p.kind, p.value) != (kind, value)]
        self.take_back(profile, kind, value)
        self.look_again(profile)
