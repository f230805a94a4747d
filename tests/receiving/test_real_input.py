"""Real-shaped input from end to end: a mailbox of hundreds and a day of telephony land as the rules say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from onefold.channels import files
from onefold.channels.twilio import contact_of_twilio
from onefold.core.errors import DomainError
from onefold.receiving.contact import Answer
from onefold.receiving.ingest import begin, earlier, ingest
from tests import corpus
from tests.conftest import Base
from tests.dsl.words import rows


def _ingest(base: Base, path: Path, stop_after: int | None = None) -> Counter[str]:
    run = earlier(base.database, base.organization_id, path.name) or begin(
        base.database, base.organization_id, path.name, files.count(path)
    )
    counts: Counter[str] = Counter(run.counts)
    entries = files.entries(path, int(run.position or 0))
    for number, progress in enumerate(ingest(base.database, base.receiver, base.organization_id, run, entries), 1):
        counts = progress.counts
        if number == stop_after:
            break
    return counts


def test_a_mailbox_lands_as_the_rules_say__RES_1_RES_2_RES_3_RES_12_RES_13(base: Base, tmp_path: Path) -> None:
    mails = corpus.mails(600)
    corpus.write_mbox(tmp_path / "all.mbox", [mail.raw for mail in mails])
    counts = _ingest(base, tmp_path / "all.mbox")
    once = [mail for mail in mails if not mail.resent]
    people = {mail.sender for mail in once if mail.kind != "bounce"}

    assert counts["refused"] == 0
    assert counts["repeated"] == len(mails) - len(once)
    assert counts["created"] == len(people)
    profile_by_value = {
        row.value: str(row.profile_id) for row in rows(base, "SELECT value, profile_id FROM contact_points")
    }
    landed = {
        row.message_id: str(row.profile_id)
        for row in rows(base, "SELECT message_id, profile_id FROM items WHERE kind <> 'event'")
    }
    assert set(profile_by_value) == people
    assert {m.message_id.strip("<>"): profile_by_value[m.reaches] for m in once} == landed


def test_the_same_mailbox_twice_adds_nothing__RES_12(base: Base, tmp_path: Path) -> None:
    corpus.write_mbox(tmp_path / "a.mbox", corpus.mbox_messages(120))
    corpus.write_mbox(tmp_path / "b.mbox", corpus.mbox_messages(120))
    first = _ingest(base, tmp_path / "a.mbox")
    second = _ingest(base, tmp_path / "b.mbox")
    assert second["repeated"] == sum(first.values())
    assert rows(base, "SELECT count(*) FROM items WHERE kind <> 'event'")[0][0] == first["created"] + first["opened"]


def test_an_interrupted_mailbox_goes_on_where_it_was__RES_12(base: Base, tmp_path: Path) -> None:
    corpus.write_mbox(tmp_path / "long.mbox", corpus.mbox_messages(1_200))
    begun = _ingest(base, tmp_path / "long.mbox", stop_after=1)
    assert sum(begun.values()) < 1_200
    finished = _ingest(base, tmp_path / "long.mbox")
    assert sum(finished.values()) == 1_200


def test_a_day_of_telephony_lands_as_the_rules_say__RES_4_RES_5_RES_8_RES_12(base: Base) -> None:
    day = corpus.rings(count=400)
    # One at a time, as calls and messages come.
    landed = [base.receiver.receive(base.organization_id, [contact_of_twilio(ring.form)])[0] for ring in day]
    assert not [answer for answer in landed if isinstance(answer, DomainError)]

    opened: dict[str, str] = {}
    mobile: dict[str, str] = {}
    for ring, answer in zip(day, landed, strict=True):
        assert isinstance(answer, Answer)
        if ring.repeated:
            assert (answer.repeated, answer.profile_id) == (True, opened[ring.message_id])
            continue
        assert not answer.repeated
        opened[ring.message_id] = answer.profile_id
        if ring.phone is None:
            assert answer.outcome == "created", "withheld callers are strangers every time (RES-8)"
        elif ring.phone in mobile:
            assert answer.profile_id == mobile[ring.phone], "who has written from a number is opened by it (RES-2)"
        elif ring.channel == "voice":
            assert answer.outcome == "created", "a number that is only shared makes a profile at every call (RES-5)"
        else:
            mobile[ring.phone] = answer.profile_id
    _check_phones(base, mobile)


def _check_phones(base: Base, mobile: dict[str, str]) -> None:
    phone_rows = rows(
        base, "SELECT value, profile_id FROM contact_points WHERE kind = 'phone' AND phone_type = 'mobile'"
    )
    assert {row.value: str(row.profile_id) for row in phone_rows} == mobile
