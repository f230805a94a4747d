"""What the receiver's own server says of a sender: proven, unchecked or failed (RES-14)."""

from __future__ import annotations

import time

import pytest

from onefold.channels.email import contact_of_email

OWN = "Authentication-Results: mx.shop.example;"
EVIL = "Authentication-Results: evil.example;"
NAMELESS = "Authentication-Results:"
RECEIVED = "Received: from mail.x.com (mail.x.com [192.0.2.1]) by"


def state(*headers: str, sender: str = "a@x.com") -> str | None:
    lines = [*headers, f"From: {sender}", "", "Hello"]
    return contact_of_email("\r\n".join(lines).encode()).sender_state


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("dmarc=pass", "proven"),
        ("dmarc=pass header.from=x.com", "proven"),
        ("dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=X.com.", "proven"),
        ("dmarc=pass action=none header.from=x.com", "proven"),
        ("DMARC = Pass", "proven"),
        ("dmarc/1=pass", "proven"),
        ("dkim=pass header.d=x.com; dmarc=none", "proven"),
        ("dkim=pass (2048-bit key) header.i=@x.com header.s=s; spf=softfail", "proven"),
        ("dkim=fail header.d=other.example; dkim=pass header.d=x.com", "proven"),
        ("dmarc=temperror; dkim=pass header.d=x.com", "proven"),
        ("dmarc=pass header.from=other.example", "unchecked"),
        ("dmarc=pass@evil.example", "unchecked"),
        ("dmarc=bestguesspass", "unchecked"),
        ("dmarc=none", "unchecked"),
        ("dmarc=temperror", "unchecked"),
        ("dmarc=permerror", "unchecked"),
        ("x-dmarc=fail", "unchecked"),
        ("none", "unchecked"),
        ("", "unchecked"),
        ("spf=pass smtp.mailfrom=x.com", "unchecked"),
        ("dkim=pass header.d=list.example", "unchecked"),
        ("dkim=pass header.d=evil-x.com", "unchecked"),
        ("dkim=pass header.d=com", "unchecked"),
        ("dkim=pass", "unchecked"),
        ("spf=fail; dkim=none", "unchecked"),
        ("spf=fail; dkim=pass header.d=list.example", "unchecked"),
        ("spf=softfail; dkim=temperror", "unchecked"),
        ('spf=pass reason="dmarc=fail"', "unchecked"),
        ("spf=pass (dmarc=fail)", "unchecked"),
        ('spf=pass smtp.mailfrom="; dmarc=pass"@evil.example', "unchecked"),
        ("spf=pass (; dmarc=pass)", "unchecked"),
        ("dmarc=fail", "failed"),
        ("spf=pass; dmarc=fail (p=none)", "failed"),
        ("DMARC = Fail", "failed"),
        ('dmarc="fail"', "failed"),
        ("dmarc (policy) = (really) fail", "failed"),
        ("spf=pass dmarc=fail", "failed"),
        ("dmarc=pass; dmarc=fail", "failed"),
        ("dkim=pass header.d=x.com; dmarc=fail", "failed"),
        ("spf=fail; dkim=fail", "failed"),
        ("spf=softfail; dkim=fail (bad signature); dmarc=none", "failed"),
        ('spf=pass smtp.mailfrom="open@evil.example; dmarc=fail', "failed"),
        ("spf=pass (open; dmarc=fail", "failed"),
        ("dkim=fail; " * 500 + "dmarc=fail", "failed"),
    ],
)
def test_a_result_of_the_receivers_server_decides__RES_14(result: str, expected: str) -> None:
    assert state(f"{OWN} {result}") == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), "unchecked"),
        # Lines of the receiver's name count together, wherever they stand.
        ((f"{OWN} spf=pass", f"{OWN} dmarc=pass"), "proven"),
        ((f"{OWN} dmarc=pass", f"{OWN} dmarc=fail"), "failed"),
        ((f"{OWN} spf=pass", "Subject: Hi", "To: we@shop.example", f"{OWN} dmarc=fail"), "failed"),
        ((f"{OWN} spf=softfail", f"{OWN} dkim=fail"), "failed"),
        (("Authentication-Results: MX.Shop.Example 1; spf=pass", f"{OWN} dmarc=fail"), "failed"),
        (('Authentication-Results: "mx.shop.example"; spf=pass', f"{OWN} dmarc=fail"), "failed"),
        (("authentication-results : mx.shop.example; dmarc=fail",), "failed"),
        # One line cannot hide another.
        ((f'{OWN} spf=pass smtp.mailfrom="open', f"{OWN} dmarc=fail"), "failed"),
        ((f"{OWN} spf=pass (open", f"{OWN} dmarc=fail"), "failed"),
        ((f'{OWN} spf=pass smtp.mailfrom="open', f'{OWN} dmarc=pass reason="'), "unchecked"),
        # The first of another name ends them.
        ((f"{OWN} dmarc=pass", f"{EVIL} dmarc=fail"), "proven"),
        ((f"{OWN} dmarc=fail", f"{EVIL} dmarc=pass"), "failed"),
        ((f"{OWN} spf=pass", f"{EVIL} x=pass", f"{OWN} dmarc=pass"), "unchecked"),
        (("ARC-Authentication-Results: i=1; mx.shop.example; dmarc=fail",), "unchecked"),
        # A pass below a server of another name came with the mail; a failure there counts all the same.
        ((f"{OWN} spf=pass", f"{RECEIVED} relay.example", f"{OWN} dmarc=pass"), "unchecked"),
        ((f"{OWN} spf=pass", f"{RECEIVED} relay.example", f"{OWN} dmarc=fail"), "failed"),
        ((f"{RECEIVED} mx.shop.example with ESMTP", f"{OWN} dmarc=pass"), "proven"),
        ((f"{RECEIVED} mx2.shop.example", f"{OWN} dmarc=pass"), "proven"),
        ((f"{RECEIVED} mx.shop.example", "Authentication-Results: shop.example; dmarc=pass"), "proven"),
        (("Received: by 2001:db8::1 with SMTP id 1", f"{OWN} dmarc=pass"), "proven"),
        ((f"{OWN} dmarc=pass", f"{RECEIVED} relay.example"), "proven"),
        ((f"{RECEIVED} mx.shop.example", f"{EVIL} dmarc=pass"), "unchecked"),
        (
            (f"{RECEIVED} mx.shop.example", "Received: by evil.example", f"{EVIL} dmarc=pass"),
            "unchecked",
        ),
        (("Received: from evil.example (by evil.example) by mx.shop.example", f"{EVIL} dmarc=pass"), "unchecked"),
        ((f"{RECEIVED} mx.shop.example", "Authentication-Results: example; dmarc=pass"), "unchecked"),
        # Exchange Online gives no name.
        ((f"{NAMELESS} spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=x.com; dmarc=pass action=none",), "proven"),
        ((f"{NAMELESS} dmarc=fail action=quarantine header.from=x.com;compauth=fail reason=000",), "failed"),
        ((f"{RECEIVED} mx.shop.example", f"{NAMELESS} spf=pass; dmarc=pass"), "unchecked"),
    ],
)
def test_a_line_is_worth_what_its_place_is_worth__RES_14(headers: tuple[str, ...], expected: str) -> None:
    assert state(*headers) == expected


@pytest.mark.parametrize(
    "sender", ["victim@x.com <evil@x.com>", "a@x.com, b@x.com", "nobody", "a@x.com\r\nFrom: a@x.com"]
)
def test_no_result_proves_a_sender_whom_nobody_can_tell__RES_14(sender: str) -> None:
    assert state(f"{OWN} dmarc=pass", sender=sender) == "failed"


def test_a_domain_that_signs_vouches_for_those_within_it__RES_14() -> None:
    assert state(f"{OWN} dkim=pass header.d=x.com", sender="a@news.x.com") == "proven"
    assert state(f"{OWN} dkim=pass header.d=news.x.com", sender="a@x.com") == "unchecked"
    assert state(f"{OWN} dmarc=pass header.from=xn--bcher-kva.example", sender="a@bücher.example") == "proven"


@pytest.mark.parametrize(
    "value",
    ["(" * 1_000_000, '"\\' * 500_000, "dmarc=pass;" * 90_000, "dkim=" * 200_000, "dmarc=pass " + "a.b=c " * 160_000],
    ids=lambda value: value[:10],
)
def test_results_without_an_end_are_read_quickly__RES_14(value: str) -> None:
    begun = time.process_time()
    assert state(f"{OWN} {value}; dmarc=fail") == "failed"
    assert time.process_time() - begun < 5
