"""Conversations in a merge: MRG-5, every row of MRG-6 with its exact texts, MRG-7 for whoever merges, and MRG-8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from onefold.contact_points.points import HeldPoint
from onefold.core.actor import Merger
from onefold.merging.plan import MergedConversation, MergePlan
from onefold.merging.snapshot import OpenConversation, ProfileSnapshot
from tests.dsl.cases import DESTINATION, POLICIES, SOURCE, held, merge, side

ANN, BOB, CY, API = (Merger(n and f"agent-{n.lower()}", n or "Shop key") for n in ("Ann", "Bob", "Cy", None))
MERGERS = {"Ann": ANN, "Bob": BOB, "Cy": CY, "API": API}
JOINED = "Conversations were merged during the customer merge"


def open_conversation(who: str, assigned: str) -> OpenConversation:
    """`Ann in Sales` is assigned to an agent; `Sales` is unassigned and waits in the inbox."""
    agent, _, inbox = assigned.rpartition(" in ")
    agent_id = f"agent-{agent.lower()}" if agent else None
    return OpenConversation(f"{who}:conversation", f"inbox-{inbox.lower()}", agent_id, agent or inbox)


def sides(source: str | None, destination: str | None) -> tuple[ProfileSnapshot, ProfileSnapshot]:
    """Two profiles with the open conversations that are given; closed ones are not looked at."""
    one = None if source is None else open_conversation(SOURCE, source)
    other = None if destination is None else open_conversation(DESTINATION, destination)
    return side(SOURCE, conversation=one), side(DESTINATION, name="Ada", conversation=other)


def said(plan: MergePlan) -> tuple[str, ...]:
    """What the timeline will say, in words and in order."""
    return tuple(event.in_words() for event in plan.events)


# MRG-6: neither, or only one side is open -----------------------------------------------------------------------------


@pytest.mark.parametrize("merger", MERGERS)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["Ada", None])
@pytest.mark.parametrize(
    ("source", "destination"),
    [
        pytest.param(None, None, id="none or all closed"),
        pytest.param("Ann in Sales", None, id="only the source's open, assigned"),
        pytest.param("Sales", None, id="only the source's open, unassigned"),
        pytest.param(None, "Bob in Support", id="only the destination's open, assigned"),
        pytest.param(None, "Support", id="only the destination's open, unassigned"),
    ],
)
def test_one_event_and_each_conversation_stays_as_it_is__MRG_5_MRG_6_MRG_8(
    source: str | None, destination: str | None, name: str | None, policy: str, merger: str
) -> None:
    one, other = sides(source, destination)
    plan = merge(one, other._replace(name=name), policy, merger=MERGERS[merger])
    assert said(plan) == (f"{MERGERS[merger].name} merged a customer into {name or 'Unknown customer'}",)
    assert plan.joined is None
    assert plan.after.conversation == (one.conversation or other.conversation)


# MRG-6, MRG-7: both open ----------------------------------------------------------------------------------------------

BOTH_OPEN: dict[tuple[str, str], dict[str, tuple[list[str], str]]] = {
    # the source's, the destination's: who merges → routed from … to …, assigned afterwards
    ("Ann in Sales", "Ann in Sales"): {
        "Ann": ([], "Ann in Sales"),
        "Bob": ([], "Ann in Sales"),
        "Cy": ([], "Ann in Sales"),
        "API": ([], "Ann in Sales"),
    },
    ("Ann in Sales", "Ann in Support"): {
        "Ann": ([], "Ann in Support"),
        "Bob": ([], "Ann in Support"),
        "API": ([], "Ann in Support"),
    },
    ("Sales", "Sales"): {"Ann": ([], "Sales"), "Cy": ([], "Sales"), "API": ([], "Sales")},
    ("Ann in Sales", "Bob in Sales"): {
        "Ann": (["Bob>Ann"], "Ann in Sales"),
        "Bob": (["Bob>Ann", "Ann>Bob"], "Bob in Sales"),
        "Cy": (["Bob>Ann", "Ann>Cy"], "Cy in Sales"),
        "API": (["Bob>Ann"], "Ann in Sales"),
    },
    ("Ann in Sales", "Bob in Support"): {
        "Ann": (["Bob>Ann"], "Ann in Support"),
        "Bob": (["Bob>Ann", "Ann>Bob"], "Bob in Support"),
        "Cy": (["Bob>Ann", "Ann>Cy"], "Cy in Support"),
        "API": (["Bob>Ann"], "Ann in Support"),
    },
    ("Ann in Sales", "Sales"): {
        "Ann": (["Sales>Ann"], "Ann in Sales"),
        "Cy": (["Sales>Ann", "Ann>Cy"], "Cy in Sales"),
        "API": (["Sales>Ann"], "Ann in Sales"),
    },
    ("Ann in Sales", "Support"): {
        "Ann": (["Support>Ann"], "Ann in Support"),
        "Cy": (["Support>Ann", "Ann>Cy"], "Cy in Support"),
        "API": (["Support>Ann"], "Ann in Support"),
    },
    ("Sales", "Bob in Sales"): {
        "Bob": (["Bob>Sales", "Sales>Bob"], "Bob in Sales"),
        "Cy": (["Bob>Sales", "Sales>Cy"], "Cy in Sales"),
        "API": (["Bob>Sales"], "Sales"),
    },
    ("Sales", "Bob in Support"): {
        "Bob": (["Bob>Sales", "Sales>Bob"], "Bob in Sales"),
        "Cy": (["Bob>Sales", "Sales>Cy"], "Cy in Sales"),
        "API": (["Bob>Sales"], "Sales"),
    },
    ("Sales", "Support"): {
        "Bob": (["Support>Sales", "Sales>Bob"], "Bob in Sales"),
        "Cy": (["Support>Sales", "Sales>Cy"], "Cy in Sales"),
        "API": (["Support>Sales"], "Sales"),
    },
}


def _both_open() -> Iterator[Any]:
    for (source, destination), by_merger in BOTH_OPEN.items():
        for merger, (routed, after) in by_merger.items():
            name = f"{source} + {destination}, {merger} merges"
            yield pytest.param(source, destination, merger, routed, after, id=name)


def _texts(routed: list[str], merger: str) -> tuple[str, ...]:
    texts = ["Routed from {} to {} due to customer merge".format(*step.split(">")) for step in routed]
    return (*texts, f"{MERGERS[merger].name} merged a customer into Ada", JOINED)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("source", "destination", "merger", "routed", "after"), list(_both_open()))
def test_two_open_conversations_become_one__MRG_5_MRG_6_MRG_7(
    source: str, destination: str, merger: str, routed: list[str], after: str, policy: str
) -> None:
    plan = merge(*sides(source, destination), policy, merger=MERGERS[merger])
    assert said(plan) == _texts(routed, merger)
    expected = open_conversation(DESTINATION, after)
    gone = f"{SOURCE}:conversation"
    assert plan.joined == MergedConversation(expected.conversation_id, gone, expected.inbox_id, expected.assignee_id)
    assert plan.after.conversation is not None
    assert plan.after.conversation[:3] == expected[:3]


def test_two_agents_of_one_name_are_two_assignees__MRG_7() -> None:
    one, other = sides("Ann in Sales", "Ann in Sales")
    namesake = other._replace(conversation=other.conversation._replace(assignee_id="agent-ann-2"))  # type: ignore[union-attr]
    plan = merge(one, namesake, merger=ANN)
    assert said(plan) == ("Routed from Ann to Ann due to customer merge", "Ann merged a customer into Ada", JOINED)
    assert plan.joined is not None
    assert plan.joined.assignee_id == "agent-ann"


def test_an_agent_named_like_an_inbox_is_another_assignee__MRG_7() -> None:
    one, other = sides("Sales", "Sales in Sales")
    assert said(merge(one, other, merger=API))[0] == "Routed from Sales to Sales due to customer merge"


# MRG-8: <customer> ----------------------------------------------------------------------------------------------------

EMAIL, MAIN = held("email", "ada@x.org"), held("email", "main@x.org", main=True)
PHONE = held("phone", "+442079460000", phone_type="home")
WRITTEN_FROM = held("email", "wrote@x.org", contacted=True)
CUSTOMERS: list[tuple[str, str | None, list[HeldPoint], str | None, list[HeldPoint], str]] = [
    # the source's name and contact points, the destination's → the merged customer
    ("a name", None, [EMAIL], "Ada", [], "Ada"),
    ("the longer name, though the source's", "Ada Lovelace", [], "Ada", [MAIN], "Ada Lovelace"),
    ("the only name, though the source's", "Ada", [], None, [MAIN], "Ada"),
    ("Main before all", None, [EMAIL, WRITTEN_FROM], None, [MAIN, PHONE], "main@x.org"),
    ("the source's Main", None, [MAIN], None, [EMAIL, WRITTEN_FROM], "main@x.org"),
    ("what was written from before what is listed", None, [WRITTEN_FROM], None, [EMAIL, PHONE], "wrote@x.org"),
    ("what opens the profile before what does not", None, [PHONE], None, [EMAIL], "ada@x.org"),
    ("a Main phone", None, [held("phone", "+442079460001", main=True)], None, [WRITTEN_FROM], "+442079460001"),
    ("a handle", None, [], None, [held("social", "x:17", handle="@ada")], "@ada"),
    ("a phone of any type", None, [PHONE], None, [], "+442079460000"),
    ("no customer ID", None, [held("customer_id", "C-1")], None, [], "Unknown customer"),
    ("no visitor token", None, [held("visitor", "v1")], None, [held("visitor", "v2")], "Unknown customer"),
    ("nothing", None, [], None, [], "Unknown customer"),
]


@pytest.mark.parametrize(("case", "name", "points", "other_name", "other_points", "customer"), CUSTOMERS)
def test_the_event_names_the_merged_customer__MRG_8(
    case: str, name: str | None, points: Any, other_name: str | None, other_points: Any, customer: str
) -> None:
    source, destination = side(SOURCE, *points, name=name), side(DESTINATION, *other_points, name=other_name)
    assert said(merge(source, destination)) == (f"Cy merged a customer into {customer}",), case


def test_the_event_names_the_customer_by_the_name_that_was_chosen__MRG_4_MRG_8() -> None:
    source, destination = side(SOURCE, name="Ada Lovelace"), side(DESTINATION, name="Ada")
    plan = merge(source, destination, choices={"name": "destination"})
    assert said(plan) == ("Cy merged a customer into Ada",)
