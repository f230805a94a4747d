"""Finding the mobiles among the phones of the whole base, by a run (RES-7)."""

from __future__ import annotations

from collections import Counter

from onefold.contact_points.phones import LineTypes, dialled_number
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import UnitOfWork
from onefold.organizations.policy import Policy
from onefold.organizations.store import load_policy
from onefold.outbox.store import emit
from onefold.profiles import store as profiles
from onefold.runs import service as runs
from onefold.runs import store as run_store
from onefold.runs.store import RunRow
from onefold.settings import bulk_update_store
from onefold.settings.mobile_rules import becomes_mobile

_CHUNK = 500


def start(unit: UnitOfWork) -> RunRow:
    """The run over the phones that are there, once identification is switched on."""
    return runs.start(unit, runs.IDENTIFY_MOBILES, total=bulk_update_store.count_other_phones(unit))


def start_preview(unit: UnitOfWork) -> RunRow:
    """RES-7's preview: the same run, which changes nothing."""
    return runs.start(unit, runs.PREVIEW_MOBILES, total=bulk_update_store.count_other_phones(unit))


def advance(unit: UnitOfWork, run_id: str, line_types: LineTypes) -> RunRow:
    """One chunk of numbers of a run of RES-7, in one unit that must be exclusive; returns the run as it stands then."""
    run = run_store.read_run(unit, run_id, lock=True)
    if run.state != "running":
        return run
    numbers = bulk_update_store.other_phones(unit, run.position, _CHUNK)
    counts = Counter(run.counts)
    policy = load_policy(unit)
    for number, written in numbers:
        counts["checked"] += 1
        if line_types(dialled_number(number, written, policy.default_region)) == "mobile":
            counts["mobile"] += 1
            counts["changed"] += _identify(unit, number, policy, apply=run.kind == runs.IDENTIFY_MOBILES)
    return runs.note_chunk(unit, run, [number for number, _ in numbers], size=_CHUNK, counts=counts)


def _identify(unit: UnitOfWork, number: str, policy: Policy, *, apply: bool) -> int:
    if policy.blocklist.holds("phone", number):
        return 0
    holder = becomes_mobile(bulk_update_store.telling_holders(unit, number))
    if holder is None:
        return 0
    if apply:
        opens = policy.identifying("phone", number, "mobile", holder.standing)
        bulk_update_store.set_mobile(unit, holder.contact_point_id, opens)
        profiles.change_profile(unit, holder.profile_id)
        emit(unit, new_id(), "profile.updated", profile_id=holder.profile_id, data={}, now=utc_now())
    return 1
