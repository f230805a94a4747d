"""Text from outside made safe (PRO-10), the blocklist (PRO-12), and what a profile is found by (MRG-1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.contact_points.blocklist import DEFAULT_ENTRIES, WITHHELD, Blocklist, Entry
from onefold.core.errors import InvalidValue
from onefold.core.text import NAME_LENGTH, clean_name, fold, mend_text, validate_text
from onefold.profiles.search import Hit, rank_hits, read_query, search_prefixes, search_terms


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("  Ada \t Lovelace\n", "Ada Lovelace"),
        ("", None),
        ("\u202e\u202d", None),
        (None, None),
        ("evil\u202egnp.exe", "evil gnp.exe"),
        ("Zoe\u0308", "Zoë"),
        ("a\x00b", None),
        ("علي", "علي"),
        ("👩‍🚀", "👩‍🚀"),
    ],
)
def test_names_are_cleaned__RES_3(written: str | None, clean: str | None) -> None:
    if written == "a\x00b":
        with pytest.raises(InvalidValue):
            clean_name(written)
    else:
        assert clean_name(written) == clean


@pytest.mark.parametrize("text", ["x" * (NAME_LENGTH + 1), "x" * 1_000_000, "\u0958" * 300, "a\ud800b"])
def test_names_that_cannot_be_kept_are_refused_without_quoting_them__PRO_10(text: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        clean_name(text)
    assert text[:20] not in refusal.value.detail


@given(st.text(st.characters(), max_size=400))
def test_a_clean_name_stays_as_it_is__PRO_10(text: str) -> None:
    try:
        once = clean_name(text)
    except InvalidValue:
        return
    assert clean_name(once) == once


@given(st.text(st.characters(categories=["Lu", "Cs", "Cc"]), max_size=50))
def test_mended_text_can_be_stored__RES_8(text: str) -> None:
    validate_text(mend_text(text), "body")


@pytest.mark.parametrize(
    ("kind", "value", "blocked"),
    [
        ("email", "postmaster@anything.example", True),
        ("email", "me@blocked.example", True),
        ("email", "me@ok.example", False),
        ("email", "test@test.com", True),
        ("phone", "+266696687", True),
        ("phone", "+442079460000", False),
        ("customer_id", "null", True),
        ("customer_id", "000", True),
        ("customer_id", "1000", False),
        ("visitor", "null", True),
    ],
)
def test_what_is_on_the_blocklist__PRO_12(kind: str, value: str, blocked: bool) -> None:
    assert Blocklist([*DEFAULT_ENTRIES, Entry("email", "*@blocked.example")]).holds(kind, value) is blocked


def test_the_default_list_has_every_withheld_number_code__PRO_12() -> None:
    assert {e.value for e in DEFAULT_ENTRIES if e.kind == "phone"} >= set(WITHHELD)


POINTS = [
    ("email", "ada.lovelace@example.co.uk", None),
    ("phone", "+14155552671", None),
    ("social", "x:178", "@AdaL"),
    ("customer_id", "K-1815", None),
    ("visitor", "secret", None),
]
TYPED = [
    "a",
    "ada",
    "Ada Love",
    "lovelace",
    "LOVELACE ada",
    "ada.love",
    "lovelace@ex",
    "@example",
    "example.co",
    "co.uk",
    "+1 415",
    "(415) 555",
    "4155552671",
    "0014155552671",
    "555-26",
    "2671",
    "@adal",
    "ADAL",
    "178",
    "k-18",
]


@pytest.mark.parametrize("typed", TYPED)
def test_a_customer_is_found_by_the_beginning_of_anything__MRG_1(typed: str) -> None:
    terms = search_terms("Ada Lovelace", None, POINTS)  # type: ignore[arg-type]
    assert any(term.startswith(look.beginning) for term in terms for look in read_query(typed).looks)


@pytest.mark.parametrize("typed", ["dal", "secret", "bob", "999"])
def test_what_does_not_begin_so_is_not_found__MRG_1(typed: str) -> None:
    terms = search_terms("Ada Lovelace", None, POINTS)  # type: ignore[arg-type]
    assert not any(term.startswith(prefix) for term in terms for prefix in search_prefixes(typed))


@pytest.mark.parametrize(("name", "typed"), [("Łukasz Müller", "muller"), ("José", "jose"), ("Straße", "strasse")])
def test_accents_and_case_do_not_matter__MRG_1(name: str, typed: str) -> None:
    assert any(term.startswith(fold(typed)) for term in search_terms(name, None, []))


def test_whole_words_come_first_then_the_newest__MRG_1() -> None:
    hits = [Hit("1", "adam"), Hit("2", "ada"), Hit("3", "adam"), Hit("2", "adams")]
    assert rank_hits(hits, ("ada",)) == ["2", "3", "1"]
