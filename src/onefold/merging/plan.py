"""Plans the merge of two profiles (MRG). The preview shows the plan, and the merge applies it. Pure.

Every row of both sides is in `MergePlan.after`, changed or not, unless it gives way to an equal or a chosen one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from onefold.contact_points.points import HeldPoint
from onefold.conversations.timeline_events import TimelineEvent
from onefold.core.actor import Merger
from onefold.core.text import alike, fold
from onefold.merging.outcomes import BOTH_SIDES, Obstacle, Outcome, Outcomes, Step, Which
from onefold.merging.points import can_detach, networks_of, plan_points
from onefold.merging.snapshot import Address, Detail, OpenConversation, ProfileSnapshot, network_of
from onefold.organizations.merge_policies import Mode
from onefold.profiles.display_name import display_name
from onefold.profiles.relationships import Relationship, visible_relationships


class MergedConversation(NamedTuple):
    """Both profiles had an open conversation: the source's became part of the destination's (MRG-5, MRG-7)."""

    conversation_id: str
    gone_id: str
    inbox_id: str
    assignee_id: str | None


class MergePlan(NamedTuple):
    """A merge as it will be, or was refused. `after` is the destination after the merge. `absorbed` maps contact points
    of the source to the destination's with the same value. `events` is what the timeline will say, in order (MRG-6)."""

    source_id: str
    destination_id: str
    versions: tuple[int, int]
    outcomes: tuple[Outcome, ...]
    obstacles: tuple[Obstacle, ...]
    after: ProfileSnapshot
    absorbed: Mapping[str, str]
    detached: tuple[str, ...]
    joined: MergedConversation | None
    events: tuple[TimelineEvent, ...]

    @property
    def mismatches(self) -> tuple[Outcome, ...]:
        """The fields in which the two differ and the agent has a choice (MRG-4)."""
        return tuple(outcome for outcome in self.outcomes if outcome.options)

    @property
    def digest(self) -> str:
        """A short text that is the same for the same plan. It ensures that what was confirmed happens (MRG-12)."""
        return hashlib.sha256(json.dumps(self, sort_keys=True).encode()).hexdigest()[:32]


def plan_merge(
    source: ProfileSnapshot,
    destination: ProfileSnapshot,
    policies: Mapping[str, Mode],
    choices: Mapping[str, Which],
    steps: Sequence[Step],
    merger: Merger,
) -> MergePlan:
    """Plans a merge of two different living profiles. MRG-3 has the rule for each field.

    `choices` are by field of an `Outcome`. A choice for a field without a mismatch is ignored.
    """
    detached, left = _plan_detaches(source, destination, steps)
    source, destination = _without(source, detached), _without(destination, detached)
    outcomes = Outcomes(policies, choices, _cleared_by(steps))
    if left:
        detail = "The only contact point of a profile cannot be detached."
        outcomes.obstacles.append(Obstacle("only_contact_point", "detach", detail))
    _plan_fields(source, destination, outcomes)
    points, absorbed = plan_points(source, destination, outcomes)
    joined = _plan_conversation(source.conversation, destination.conversation, merger)
    after = _after(source, destination, outcomes, points=points, joined=joined)
    return MergePlan(
        source_id=source.profile_id,
        destination_id=destination.profile_id,
        versions=(source.version, destination.version),
        outcomes=tuple(outcomes.found),
        obstacles=tuple(outcomes.obstacles),
        after=after,
        absorbed=absorbed,
        detached=detached,
        joined=joined,
        events=_events(source.conversation, destination.conversation, merger, display_name(after.name, points)),
    )


def _after(
    source: ProfileSnapshot,
    destination: ProfileSnapshot,
    outcomes: Outcomes,
    points: tuple[HeldPoint, ...],
    joined: MergedConversation | None,
) -> ProfileSnapshot:
    """The destination after the merge."""
    details = _plan_details(source, destination, outcomes)
    attributes = _plan_attributes(source, destination, outcomes)
    names = outcomes.side("name", source, destination)
    return destination._replace(
        name=names.name,
        name_confirmed=names.name_confirmed or (source.name == names.name and source.name_confirmed),
        username=outcomes.side("username", source, destination).username,
        image=outcomes.side("image", source, destination).image,
        attributes=attributes,
        points=points,
        details=details,
        addresses=_plan_addresses(source, destination),
        relations=_plan_relations(source, destination),
        conversation=_conversation_after(source, destination, joined),
    )


def _plan_detaches(
    source: ProfileSnapshot, destination: ProfileSnapshot, steps: Sequence[Step]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The contact points that the steps detach, and those that they cannot: the last one of a side (DET-3)."""
    wanted = {step.contact_point_id for step in steps if step.step == "detach"}
    detached: list[str] = []
    left: list[str] = []
    for side in (source, destination):
        rest = list(side.points)
        for point in side.points:
            if point.contact_point_id in wanted and point.kind != "customer_id":
                can = can_detach(rest, point.contact_point_id)
                (detached if can else left).append(point.contact_point_id)
                rest = [p for p in rest if not can or p is not point]
    return tuple(sorted(detached)), tuple(sorted(left))


def _without(side: ProfileSnapshot, detached: Sequence[str]) -> ProfileSnapshot:
    return side._replace(points=tuple(p for p in side.points if p.contact_point_id not in detached))


def _cleared_by(steps: Sequence[Step]) -> dict[str, Which]:
    """For each field that a step decides: the side whose value stays the current one (MRG-17)."""
    gives_way = {"make_ordinary": "main_phone", "keep_former": "customer_id"}
    cleared: dict[str, Which] = {}
    for step in steps:
        if step.side is not None and step.step in gives_way:
            cleared[gives_way[step.step]] = "destination" if step.side == "source" else "source"
        elif step.side is not None and step.step == "keep_type":
            cleared[f"phone_type.{step.contact_point_id}"] = step.side
    return cleared


_TWO_CUSTOMER_IDS = Obstacle(
    code="customer_ids_differ",
    field="customer_id",
    detail="The two profiles have different customer IDs.",
    steps=tuple(Step("keep_former", side) for side in BOTH_SIDES),
)
_TWO_MAIN_PHONES = Obstacle(
    code="main_phones_differ",
    field="main_phone",
    detail="The two profiles have different Main phones.",
    steps=tuple(Step("make_ordinary", side) for side in BOTH_SIDES),
)


def _plan_fields(source: ProfileSnapshot, destination: ProfileSnapshot, outcomes: Outcomes) -> None:
    longer: Which = "source" if _length(source.name) > _length(destination.name) else "destination"
    outcomes.decide("name", source.name, destination.name, rule=longer, why="longer_name")
    outcomes.decide("image", source.image, destination.image, rule="destination", why="current_profile")
    outcomes.decide("username", source.username, destination.username, rule="destination", why="current_profile")
    ids = _value(source.customer_id), _value(destination.customer_id)
    outcomes.refuse("customer_id", *ids, _TWO_CUSTOMER_IDS)
    phones = _value(source.main("phone")), _value(destination.main("phone"))
    outcomes.refuse("main_phone", *phones, _TWO_MAIN_PHONES)
    emails = _value(source.main("email")), _value(destination.main("email"))
    outcomes.decide("main_email", *emails, "destination", "current_profile")
    for network in sorted(networks_of(source) & networks_of(destination)):
        destination_accounts, source_accounts = (", ".join(_accounts(side, network)) for side in (destination, source))
        if destination_accounts != source_accounts:
            outcomes.found.append(
                Outcome(
                    f"social.{network}",
                    source_accounts,
                    destination_accounts,
                    kept="destination",
                    why="both_open_one_shown",
                )
            )


def _length(name: str | None) -> int:
    return len(" ".join((name or "").split()))


def _value(point: HeldPoint | None) -> str | None:
    return None if point is None else point.value


def _accounts(side: ProfileSnapshot, network: str) -> list[str]:
    return sorted(p.value for p in side.points if p.kind == "social" and p.current and network_of(p) == network)


# Details, addresses, relationships, attributes -----------------------------------------------------------------------


def _plan_details(source: ProfileSnapshot, destination: ProfileSnapshot, outcomes: Outcomes) -> tuple[Detail, ...]:
    """The details of both sides. If a key has two values, both stay, each marked with its origin (MRG-3)."""
    destination_details, source_details = _by_key(destination.details), _by_key(source.details)
    gone: set[str] = set()
    for key, of_source in source_details.items():
        of_destination = destination_details.get(key, [])
        known = {alike(d.value) for d in of_destination}
        gone |= {d.id for d in of_source if alike(d.value) in known}
        different = [d for d in of_source if alike(d.value) not in known]
        if of_destination and different:
            values = ([d.value for d in of_source], [d.value for d in of_destination])
            kept_side = outcomes.decide(f"details.{key}", *values, "both", "both_kept", options=("both", *BOTH_SIDES))
            gone |= {d.id for d in different} if kept_side == "destination" else set()
            gone |= (
                {d.id for d in of_destination if alike(d.value) not in _values(of_source)}
                if kept_side == "source"
                else set()
            )
    kept_details = [d for d in (*destination.details, *source.details) if d.id not in gone]
    owners = {d.id: side.profile_id for side in (source, destination) for d in side.details}
    return tuple(
        d._replace(from_profile_id=d.from_profile_id or owners[d.id])
        if fold(d.key) in destination_details and fold(d.key) in source_details and _still_two(d, kept_details)
        else d
        for d in kept_details
    )


def _values(details: Sequence[Detail]) -> set[str]:
    return {alike(d.value) for d in details}


def _by_key(details: Sequence[Detail]) -> dict[str, list[Detail]]:
    details_by_key: dict[str, list[Detail]] = {}
    for detail in details:
        details_by_key.setdefault(fold(detail.key), []).append(detail)
    return details_by_key


def _still_two(detail: Detail, details: Sequence[Detail]) -> bool:
    return any(fold(d.key) == fold(detail.key) and alike(d.value) != alike(detail.value) for d in details)


def _plan_addresses(source: ProfileSnapshot, destination: ProfileSnapshot) -> tuple[Address, ...]:
    """The destination's addresses first, then the source's addresses at other places."""
    places = {address.place for address in destination.addresses}
    behind = max((address.position for address in destination.addresses), default=-1) + 1
    joining = []
    for address in source.addresses:
        if address.place not in places:
            places.add(address.place)
            joining.append(address._replace(position=address.position + behind))
    return (*destination.addresses, *joining)


def _plan_relations(source: ProfileSnapshot, destination: ProfileSnapshot) -> tuple[Relationship, ...]:
    led = (
        r.follow_redirects({source.profile_id: destination.profile_id})
        for r in (*source.relations, *destination.relations)
    )
    return visible_relationships(destination.profile_id, led)


def _plan_attributes(source: ProfileSnapshot, destination: ProfileSnapshot, outcomes: Outcomes) -> dict[str, Any]:
    after = {**source.attributes, **destination.attributes}
    for key in sorted(set(source.attributes) & set(destination.attributes)):
        values = source.attributes[key], destination.attributes[key]
        if outcomes.decide(f"attributes.{key}", *values, "destination", "current_profile") == "source":
            after[key] = source.attributes[key]
    return after


# Conversations and events --------------------------------------------------------------------------------------------


def _assignee_and_inbox(conversation: OpenConversation) -> tuple[str, str]:
    """The assignee of a conversation: an agent, or the inbox if it is unassigned (MRG-7)."""
    if conversation.assignee_id is not None:
        return "agent", conversation.assignee_id
    return "inbox", conversation.inbox_id


def _plan_conversation(
    source: OpenConversation | None, destination: OpenConversation | None, merger: Merger
) -> MergedConversation | None:
    if source is None or destination is None:
        return None
    inbox_id, assignee_id = destination.inbox_id, destination.assignee_id
    if _assignee_and_inbox(source) != _assignee_and_inbox(destination):
        inbox_id = destination.inbox_id if source.assignee_id is not None else source.inbox_id
        assignee_id = merger.agent_id or source.assignee_id
    return MergedConversation(destination.conversation_id, source.conversation_id, inbox_id, assignee_id)


def _conversation_after(
    source: ProfileSnapshot, destination: ProfileSnapshot, joined: MergedConversation | None
) -> OpenConversation | None:
    if joined is None:
        return destination.conversation or source.conversation
    return OpenConversation(joined.conversation_id, joined.inbox_id, joined.assignee_id, "")


def _events(
    source: OpenConversation | None, destination: OpenConversation | None, merger: Merger, customer: str
) -> tuple[TimelineEvent, ...]:
    """MRG-6 and MRG-7: exactly these events, in this order."""
    merged = TimelineEvent("merged", agent=merger.name, customer=customer)
    if source is None or destination is None:
        return (merged,)
    joined = TimelineEvent("conversations_merged")
    if _assignee_and_inbox(source) == _assignee_and_inbox(destination):
        return merged, joined
    routed = [TimelineEvent("routed", routed_from=destination.assignee, routed_to=source.assignee)]
    if merger.agent_id is not None and merger.agent_id != source.assignee_id:
        routed.append(TimelineEvent("routed", routed_from=source.assignee, routed_to=merger.name))
    return *routed, merged, joined
