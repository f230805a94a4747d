"""A refusal that depends on settings is only given on settings as they are: several processes keep them (RES-3, PRO-9).

Each test changes a setting behind the back of a receiver that has read it already, as another process would.
"""

from __future__ import annotations

import pytest

from onefold.core.errors import InvalidValue
from onefold.receiving.contact import Answer
from onefold.settings import service as settings
from tests.conftest import Base
from tests.dsl.cases import contact
from tests.dsl.words import COMMAND, do, inbox, receive

NATIONAL = "020 7946 0000"


def kept(base: Base) -> None:
    """Has the receiver read the settings."""
    receive(base, "email", email="first@kite.example")


@pytest.mark.parametrize("channel", ["email", "sms", "voice", "whatsapp", "social", "chat"])
def test_an_inbox_made_a_moment_ago_is_known__RES_3_PRO_9(base: Base, channel: str) -> None:
    kept(base)
    sender = {
        "email": {"email": "ada@kite.example"},
        "social": {"network": "x", "user_id": "1"},
        "chat": {"visitor": "v"},
    }.get(channel, {"phone": "+447911123456"})
    new = inbox(base, "Sales")
    assert receive(base, channel, inbox_id=new, **sender).outcome == "created"


def test_a_national_number_is_read_by_the_region_of_today__PRO_10(base: Base) -> None:
    kept(base)
    do(base, lambda unit: settings.change(unit, {"default_region": "GB"}, COMMAND), exclusive=True)
    assert receive(base, "voice", phone=NATIONAL).outcome == "created"


def test_a_batch_in_which_all_would_be_refused_is_looked_at_again__RES_3(base: Base) -> None:
    kept(base)
    new = inbox(base, "Sales")
    batch = [contact("email", email=f"{n}@kite.example", inbox_id=new) for n in range(3)]
    assert all(isinstance(answer, Answer) for answer in base.receiver.receive(base.organization_id, batch))


def test_what_is_wrong_by_the_settings_of_today_is_refused_at_once(base: Base) -> None:
    kept(base)
    with pytest.raises(InvalidValue) as refusal:
        receive(base, "email", email="ada@kite.example", inbox_id="00000000-0000-7000-8000-000000000000")
    assert refusal.value.code == "unknown_inbox"


def test_one_refused_beside_one_received_is_judged_by_the_same_settings(base: Base) -> None:
    kept(base)
    do(base, lambda unit: settings.change(unit, {"default_region": "GB"}, COMMAND), exclusive=True)
    batch = [contact("voice", phone=NATIONAL), contact("email", email="ada@kite.example")]
    assert all(isinstance(answer, Answer) for answer in base.receiver.receive(base.organization_id, batch))
