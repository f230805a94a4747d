"""Which addresses are similar, why, and that they find one another by their keys (SUG-2)."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from onefold.matching.similar_emails import Similarity, match_keys, similarity

SAME_MAILBOX = [
    ("john@example.com", "john+news@example.com"),
    ("john+shop@example.com", "john+news@example.com"),
    ("j.o.h.n@gmail.com", "john@gmail.com"),
    ("john.smith+a+b@gmail.com", "johnsmith@gmail.com"),
    ("john@gmail.com", "john@googlemail.com"),
    ("jo.hn+x@googlemail.com", "john@gmail.com"),
    ("ada@me.com", "ada@icloud.com"),
    ("ada@mac.com", "ada@me.com"),
    ("ada@protonmail.com", "ada@proton.me"),
    ("a.d-a_l@pm.me", "adal@protonmail.ch"),
    ("ivan@yandex.ru", "ivan@ya.ru"),
    ("ivan.petrov@yandex.com", "ivan-petrov@yandex.kz"),
    ("kim@hanmail.net", "kim@daum.net"),
    ("ada-shopping@yahoo.com", "ada@yahoo.com"),
    ("ada-shopping@ymail.com", "ada-news@ymail.com"),
    ("ada-news@yahoo.co.uk", "ada+x@yahoo.co.uk"),
    ("josé+x@example.com", "josé@example.com"),
    ("дарья+a@example.com", "дарья+b@example.com"),
    ("ada+x@mail.shop.example.com", "ada@mail.shop.example.com"),
    ("ada+x@gmial.com", "ada@gmial.com"),
    ("x" * 60 + "@example.com", "x" * 60 + "+a@example.com"),
    ("x" * 31 + "@gmail.com", "x." * 29 + "xx" + "@gmail.com"),
]

MISTYPED_DOMAIN = [
    ("ada@gmial.com", "ada@gmail.com"),
    ("ada@gmai.com", "ada@gmail.com"),
    ("ada@gmaill.com", "ada@gmail.com"),
    ("ada@gnail.com", "ada@gmail.com"),
    ("ada@gmail.con", "ada@gmail.com"),
    ("ada@gmail.co", "ada@gmail.com"),
    ("ada@gmail.cm", "ada@gmail.com"),
    ("ada@gmail.cmo", "ada@gmail.com"),
    ("ada@gmailc.om", "ada@gmail.com"),
    ("ada@gmail.fr", "ada@gmail.com"),
    ("ada@gmail.com.com", "ada@gmail.com"),
    ("a.da+x@gmial.com", "ada@gmail.com"),
    ("ada@googlmail.com", "ada@gmail.com"),
    ("ada@gmial.com", "ada@gmal.com"),
    ("ada@hotmail.comm", "ada@hotmail.com"),
    ("ada@hotmial.fr", "ada@hotmail.fr"),
    ("ada@yaho.com", "ada@yahoo.com"),
    ("ada-x@yahooo.com", "ada@yahoo.com"),
    ("ada@yahoo.couk", "ada@yahoo.co.uk"),
    ("ada@outlok.com", "ada@outlook.com"),
    ("ada@iclod.com", "ada@me.com"),
    ("ada@live.con", "ada@live.com"),
    ("ada@gmx.dee", "ada@gmx.de"),
    ("ada@web.ed", "ada@web.de"),
    ("ada@ornage.fr", "ada@orange.fr"),
    ("ada@aol.ocm", "ada@aol.com"),
]

TYPING_SLIP = [
    ("john.smith@example.com", "jonh.smith@example.com"),
    ("john.smith@example.com", "john.smiht@example.com"),
    ("john.smith@example.com", "john.smit@example.com"),
    ("john.smith@example.com", "john.smithe@example.com"),
    ("john.smith@example.com", "john.smyth@example.com"),
    ("john.smith@example.com", "xohn.smith@example.com"),
    ("john.smith@example.com", "johnsmith@example.com"),
    ("john.smith@outlook.com", "johnsmith@outlook.com"),
    ("john.smith@example.com", "john-smith@example.com"),
    ("johnn.smith@example.com", "john.smith+x@example.com"),
    ("johnsmith1985@example.com", "jonhsmith1985@example.com"),
    ("johnsmith@googlemail.com", "jonh.smith@gmail.com"),
    ("johnsmith@gmial.com", "johnsmiht@gmail.com"),
    ("jürgen.maier@example.com", "jürgen.meier@example.com"),
    ("дарья.иванова@example.com", "дарья.ивановa@example.com"),
    ("abcdefgh@example.com", "abcdefghi@example.com"),
    ("a" + "b" * 39 + "@example.com", "b" * 40 + "@example.com"),
]

NOT_SIMILAR = [
    ("john.smith@example.com", "john.smith@example.com"),
    ("john.smith@example.com", "jane.smith@example.com"),
    ("john.smith@example.com", "smith.john@example.com"),
    ("john.smith@example.com", "john.smith@example.org"),
    ("john.smith@example.com", "john.smith@exampel.com"),
    ("john.smith@example.com", "john.smith@shop.example.com"),
    ("john.smith@example.com", "jonh.smith@example.org"),
    # short local parts: too many people
    ("johnson@example.com", "jonhson@example.com"),
    ("johndoe@example.com", "johndoes@example.com"),
    ("j.ohnson@gmail.com", "jo.hnsen@gmail.com"),
    # beyond what keys are kept for
    ("x" * 40 + "@example.com", "x" * 41 + "@example.com"),
    ("a" + "b" * 41 + "@example.com", "b" * 42 + "@example.com"),
    # a digit makes another person
    ("john1985@example.com", "john1986@example.com"),
    ("johnsmith@example.com", "johnsmith1@example.com"),
    ("johnsmith1@example.com", "johnsmith12@example.com"),
    ("johnsmith12@example.com", "johnsmith21@example.com"),
    ("johnsmith@example.com", "j0hnsmith@example.com"),
    ("john1smith@example.com", "joh1nsmith@example.com"),
    # dots, hyphens and domains where the provider does not ignore them
    ("j.ohn@outlook.com", "john@outlook.com"),
    ("j.ohn@icloud.com", "john@icloud.com"),
    ("j.ohn@example.com", "john@example.com"),
    ("ada-shop@gmail.com", "ada@gmail.com"),
    ("ada-shop@yahoo.co.jp", "ada@yahoo.co.jp"),
    ("ada@yahoo.com", "ada@ymail.com"),
    ("ada@yahoo.com", "ada@yahoo.fr"),
    ("ada@hotmail.com", "ada@outlook.com"),
    ("ada@gmx.de", "ada@gmx.net"),
    ("ada@fastmail.com", "ada@fastmail.fm"),
    # known providers are never mistypings of one another
    ("ada@mail.com", "ada@gmail.com"),
    ("ada@ymail.com", "ada@gmail.com"),
    ("ada@email.com", "ada@gmail.com"),
    ("ada@gmx.net", "ada@gmx.com"),
    ("ada@live.com", "ada@live.co.uk"),
    ("ada@hotmail.es", "ada@hotmail.se"),
    ("ada@mail.ru", "ada@mail.de"),
    # neither are other people's companies, countries, endings and subdomains
    ("ada@cloud.com", "ada@icloud.com"),
    ("ada@like.com", "ada@live.com"),
    ("ada@aon.com", "ada@aol.com"),
    ("ada@grange.fr", "ada@orange.fr"),
    ("ada@libera.it", "ada@libero.it"),
    ("ada@hotmail.pe", "ada@hotmail.de"),
    ("ada@live.co", "ada@live.com"),
    ("ada@web.dev", "ada@web.de"),
    ("ada@g.mail.com", "ada@gmail.com"),
    ("ada@mail.gmail.com", "ada@gmail.com"),
    ("ada@xn--gmil-63d.com", "ada@gmail.com"),
    # all tag, no mailbox to go back to
    ("+a@example.com", "+b@example.com"),
    ("+a@gmail.com", "a@gmail.com"),
    ("-a@yahoo.com", "-b@yahoo.com"),
]

ROLES = [
    "info",
    "info2",
    "info+berlin",
    "info.berlin",
    "info-uk",
    "support",
    "support-fr",
    "sales",
    "office",
    "contact",
    "contact2024",
    "admin",
    "noreply",
    "no-reply",
    "no.reply",
    "no_reply",
    "no-reply-orders",
    "do-not-reply",
    "postmaster",
    "abuse",
    "webmaster",
    "mailer-daemon",
    "customer.service",
    "sales.team",
    "kontakt",
    "vertrieb",
    "buchhaltung",
    "büro",
    "buero",
    "kunden.service",
    "accueil",
    "réception",
    "service-clients",
    "ventas",
    "atención",
    "facturación",
    "informazioni",
    "contabilità",
    "segreteria",
    "klantenservice",
    "verkoop",
    "contato",
    "vendas",
    "recepção",
    "in.fo",
]
# No role, however much they look like one.
PEOPLE = ["infante", "salesian", "adminah", "12345", "o.ffice.smith", "contador", "+info", "noreen", "no.reed"]

CASES = [
    *((one, other, "same_mailbox") for one, other in SAME_MAILBOX),
    *((one, other, "mistyped_domain") for one, other in MISTYPED_DOMAIN),
    *((one, other, "typing_slip") for one, other in TYPING_SLIP),
    *((one, other, None) for one, other in NOT_SIMILAR),
]


@pytest.mark.parametrize(("one", "other", "expected"), CASES)
def test_two_addresses_are_similar_for_one_reason_or_not_at_all__SUG_2(
    one: str, other: str, expected: Similarity | None
) -> None:
    assert similarity(one, other) == similarity(other, one) == expected
    if expected:
        assert set(match_keys(one)) & set(match_keys(other))


@pytest.mark.parametrize("local", ROLES)
def test_a_role_address_is_similar_to_nothing_and_has_no_keys__SUG_2(local: str) -> None:
    address = f"{local}@example.com"
    assert match_keys(address) == ()
    for other in (f"{local}+tag@example.com", f"{local}x@example.com", "info@example.com"):
        assert similarity(address, other) is similarity(other, address) is None


@pytest.mark.parametrize("local", PEOPLE)
def test_a_name_that_looks_like_a_role_is_a_persons__SUG_2(local: str) -> None:
    assert match_keys(f"{local}@example.com")


def test_keys_are_stored_so_they_are_the_same_in_every_process__SUG_2() -> None:
    assert match_keys("a.d.a+x@gmial.com") == ("e:ada@gmail.com",)
    assert match_keys("aaaabbbb85@example.com") == (
        "e:aaaabbbb85@example.com",
        "s:025b37b635c825d3",
        "s:665d05578e2b8705",
        "s:767fc07a9fb84493",
    )


def test_digits_have_no_keys_of_their_own__SUG_2() -> None:
    assert not set(match_keys("john1985@example.com")) & set(match_keys("john1986@example.com"))
    assert len(match_keys("12345678@example.com")) == 2


def test_an_address_has_42_keys_at_most__SUG_2() -> None:
    letters = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
    assert len(match_keys(letters[:40] + "@example.com")) == 42
    assert len(match_keys(letters[:41] + "@example.com")) == 1


_letters = "abehilnotjüß"
_locals = st.text(_letters + "019.-_+", min_size=1, max_size=44)
_domains = st.sampled_from(
    [
        "gmail.com",
        "gmial.com",
        "gmail.co",
        "googlemail.com",
        "yahoo.com",
        "yaho.com",
        "icloud.com",
        "me.com",
        "proton.me",
        "pm.me",
        "yandex.ru",
        "ya.com",
        "example.com",
        "sub.example.com",
        "hotmail.com",
        "hotmail.con",
        "live.com",
    ]
)
_addresses = st.builds("{}@{}".format, _locals, _domains)


@st.composite
def _slipped(draw: st.DrawFn, signs: str) -> tuple[str, str]:
    """A local part and what one slip on the keyboard makes of it."""
    local = draw(st.text(_letters + "19", min_size=9, max_size=39))
    place = draw(st.integers(0, len(local) - 2))
    sign = draw(st.sampled_from(signs))
    before, here, after = local[:place], local[place : place + 2], local[place + 2 :]
    made = [before + sign + here + after, before + sign + here[1:] + after]
    if here.isalpha():
        made += [before + here[1:] + after, before + here[::-1] + after]
    slipped = draw(st.sampled_from(made))
    assume(slipped != local and (local[place].isalpha() or slipped == made[0]))
    return local, slipped


@given(_slipped(_letters))
def test_every_slip_of_a_letter_is_found__SUG_2(pair: tuple[str, str]) -> None:
    one, other = (f"{local}@example.com" for local in pair)
    assert similarity(one, other) == "typing_slip"
    assert set(match_keys(one)) & set(match_keys(other))


@given(_slipped("0123456789").filter(lambda pair: sum(map(str.isdigit, pair[0])) != sum(map(str.isdigit, pair[1]))))
def test_no_slip_to_a_digit_is_found__SUG_2(pair: tuple[str, str]) -> None:
    assert similarity(f"{pair[0]}@example.com", f"{pair[1]}@example.com") is None


@st.composite
def _near_pairs(draw: st.DrawFn) -> tuple[str, str]:
    """Two addresses at the same or related domains, a few edits apart at most."""
    one = draw(_addresses)
    local, _, domain = one.rpartition("@")
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(local)))
        rest_at = place + draw(st.integers(0, 1))
        local = local[:place] + draw(st.text(_letters + "1.-+", max_size=2)) + local[rest_at:]
    return one, f"{local}@{draw(st.just(domain) | _domains)}"


@given(_near_pairs())
@example(("johnsmith+@gmail.com", "jonhsmith@gmial.com"))
@settings(max_examples=1_000, deadline=None)
def test_similar_addresses_share_a_key_whichever_comes_first__SUG_2(pair: tuple[str, str]) -> None:
    one, other = pair
    likeness = similarity(one, other)
    assert likeness == similarity(other, one)
    assert likeness is None or set(match_keys(one)) & set(match_keys(other))
    assert likeness is None or one != other
    assert max(len(match_keys(one)), len(match_keys(other))) <= 42


@given(st.text(), st.text())
def test_no_text_makes_it_fail__SUG_2(one: str, other: str) -> None:
    assert similarity(one, other) == similarity(other, one)
    assert len(match_keys(one)) == len(set(match_keys(one)))
