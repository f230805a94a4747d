"""What of a reply its sender wrote, and what it only repeats."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.channels.mail_reply import fold_quotes

INTRODUCTIONS = (
    "On Mon, 3 Mar 2025 at 08:00, Shop <service@shop.example> wrote:",
    "On Mon, 3 Mar 2025 at 08:00, The Shop of Many Things\n<service@shop.example> wrote:",
    "Am 03.03.2025 um 08:00 schrieb Shop <service@shop.example>:",
    "Le lun. 3 mars 2025 à 08:00, Shop <service@shop.example> a écrit :",
    "El lun, 3 mar 2025 a las 8:00, Shop (<service@shop.example>) escribió:",
    "Il giorno lun 3 mar 2025 alle ore 08:00 Shop <service@shop.example> ha scritto:",
    "Op ma 3 mrt 2025 om 08:00 schreef Shop <service@shop.example>:",
    "W dniu 3.03.2025 o 08:00, Shop pisze:",
    "Den mån 3 mars 2025 kl 08:00 skrev Shop <service@shop.example>:",
    "Dne 3. 3. 2025 v 8:00 Shop napsal(a):",
    "пн, 3 мар. 2025 г. в 08:00, Shop <service@shop.example>:",
    "2025年3月3日(月) 8:00 Shop <service@shop.example>:",
    "3 Mart 2025 Pzt 08:00 tarihinde Shop <service@shop.example> şunu yazdı:",
)


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
@pytest.mark.parametrize("blank", ["", "\n"])
def test_a_quotation_is_folded_with_what_introduces_it(introduction: str, blank: str) -> None:
    visible, folded = fold_quotes(f"Where is my order?\n\n{introduction}\n{blank}> We have sent it.\n>\n>> When?\n")
    assert visible.strip() == "Where is my order?"
    assert folded.startswith(introduction)


@pytest.mark.parametrize(
    "quoted",
    [
        "-----Original Message-----\nFrom: Shop <s@shop.example>\nSent: Monday, 3 March 2025\nTo: Ada\n\nSent.",
        "________________________________\nFrom: Shop <s@shop.example>\nSent: Monday\nTo: Ada\n\nWe have sent it.",
        "From: Shop <s@shop.example>\nSent: Monday, 3 March 2025 08:00\nTo: Ada\nSubject: Order\n\nWe have sent it.",
        "Von: Shop <s@shop.example>\nGesendet: Montag, 3. März 2025 08:00\nAn: Ada\nBetreff: Ware\n\nAbgeschickt.",
        "De : Shop <service@shop.example>\nEnvoyé : lundi 3 mars 2025\nÀ : Ada\nObjet : Commande\n\nEnvoyée.",
        "*From:* Shop <service@shop.example>\n*Sent:* Monday\n*To:* Ada\n\nWe have sent it.",
        "On Mon, 3 Mar 2025 at 08:00, Shop <service@shop.example> wrote:\n\nWe have sent it.\n\nShop",
        "Am 03.03.2025 um 08:00 schrieb Shop <service@shop.example>:\n\nAbgeschickt.",
    ],
)
def test_a_quotation_without_marks_is_known_by_its_introduction(quoted: str) -> None:
    visible, folded = fold_quotes(f"Where is my order?\n\n{quoted}")
    assert (visible.strip(), folded) == ("Where is my order?", quoted)


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAda Lovelace\nLondon\n",
        "--\nAda",
        "Best regards,\nAda Lovelace",
        "Kind regards\n\nAda\n+44 20 7946 0000",
        "Mit freundlichen Grüßen\nAda",
        "Viele Grüße\nAda",
        "Sent from my iPhone",
        "Gesendet von meinem iPhone",
        "Envoyé depuis mon téléphone",
        "Verzonden vanaf mijn iPhone",
        "Get Outlook for iOS",
    ],
)
def test_a_signature_is_folded(signature: str) -> None:
    assert fold_quotes(f"Where is my order?\n\n{signature}") == ("Where is my order?\n\n", signature)
    quoted = f"{signature}\n\n{INTRODUCTIONS[0]}\n> We have sent it.\n"
    assert fold_quotes(f"Where is my order?\n\n{quoted}") == ("Where is my order?\n\n", quoted)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n\n",
        "Hello",
        "> all quoted\n> lines",
        "-- \nAda",
        "Best regards,\nAda",
        f"{INTRODUCTIONS[0]}\n> When do you send it?\n\nTomorrow, I hope.\n\n> And how?\n\nBy mail.\n",
        "> When do you send it?\nTomorrow\n> How?\nBy mail",
        "Three things:\n- milk\n- bread",
        "My order: 1234\nMy name: Ada",
        "Note:\nplease hurry",
        "Thanks, I got it.\n\nBut where is the other one?",
        "Thanks,\nbut where is the other one?",
        "He wrote:\nI am late.",
        "a <b> c > d",
        "-- not a signature\nbut text",
    ],
)
def test_what_somebody_wrote_is_not_folded(body: str) -> None:
    assert fold_quotes(body) == (body, "")


def test_answers_between_quoted_lines_stay_and_the_rest_is_folded() -> None:
    asked = "> When?\n\nTomorrow.\n\n"
    assert fold_quotes(f"{asked}> We have sent it.\n> Shop\n") == (asked, "> We have sent it.\n> Shop\n")


_LINES = st.sampled_from(
    [*INTRODUCTIONS, "> q", ">> q", "", "-- ", "Best regards,", "Hello", "From: a", "Sent: b", "_" * 32]
)


@given(st.lists(_LINES | st.text(max_size=20), max_size=20), st.sampled_from(["\n", "\r\n", "\r", "\u2028"]))
def test_nothing_is_lost_in_folding(lines: list[str], end: str) -> None:
    body = end.join(lines)
    visible, folded = fold_quotes(body)
    assert visible + folded == body
    assert visible.strip() or not folded


@pytest.mark.parametrize(
    "body",
    [
        "On " * 300_000,
        "On a\n" * 200_000,
        "On a wrote\n" * 4_000,
        ("On " + "a " * 90 + ":\n") * 4_900,
        ("From: " + " " * 190 + "\n") * 4_900,
        "From: a\nSent: b\n" * 2_400,
        "> " * 500_000,
        "\n" * 1_000_000,
        "Den a skrev " * 80_000,
        "2025年3月3日(月) 8:00 <a> " * 30_000 + ":",
        ("2025年3月3日(月) 8:00 <a> " * 8 + ":\n") * 4_900,
        ("-" * 190 + "\n") * 4_900,
        ("* " * 95 + ":\n") * 4_900,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_folding_takes_no_longer_than_reading(body: str) -> None:
    fold_quotes("warm")
    begun = time.process_time()
    fold_quotes(body)
    assert time.process_time() - begun < 2
