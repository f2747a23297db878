"""Identifiers against published numbers of the standards, and against their own algebra."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_warehouse.identifiers import (
    ORG_CODE_ALPHABET,
    RESIDENT_CHECKS,
    USCC_ALPHABET,
    Document,
    MaskKind,
    Verdict,
    birth_date_of,
    division_of,
    document_of,
    mask_fits,
    mask_kind,
    mask_resident_id,
    org_code_check,
    org_code_verdict,
    registration_check,
    registration_verdict,
    resident_id_check,
    resident_id_verdict,
    sex_of,
    taxpayer_verdict,
    to_resident_id_18,
    uscc_check,
    uscc_verdict,
)

ON = date(2026, 3, 2)
births = st.dates(date(1880, 1, 1), ON)
addresses = st.from_regex(r"[0-9]{6}", fullmatch=True)
sequences = st.from_regex(r"[0-9]{3}", fullmatch=True)


@st.composite
def resident_ids(draw: st.DrawFn) -> str:
    first17 = f"{draw(addresses)}{draw(births):%Y%m%d}{draw(sequences)}"
    return first17 + resident_id_check(first17)


@st.composite
def usccs(draw: st.DrawFn) -> str:
    prefix = draw(st.text(USCC_ALPHABET, min_size=2, max_size=2))
    first17 = prefix + draw(addresses) + draw(st.text(USCC_ALPHABET, min_size=9, max_size=9))
    return first17 + uscc_check(first17)


def test_published_conversion_from_15_to_18_digits() -> None:
    assert to_resident_id_18("320311770706001") == "320311197707060018"
    assert to_resident_id_18("320311770706001X") is None


def test_sequence_996_to_999_of_a_short_number_means_the_century_before() -> None:
    assert birth_date_of("660101950706996") == date(1895, 7, 6)
    assert birth_date_of("660101950706995") == date(1995, 7, 6)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("320311197707060018", Verdict.VALID),
        (" 320311 19770706-0018 ", Verdict.VALID),
        ("３２０３１１１９７７０７０６００１８", Verdict.VALID),
        ("320311770706001", Verdict.VALID),
        ("320311197707060019", Verdict.CHECK_FAIL),
        ("320311197702300010", Verdict.STRUCT_FAIL),
        ("32031119770706001", Verdict.STRUCT_FAIL),
        ("3203111977****0018", Verdict.MASKED),
        ("320311************", Verdict.MASKED),
        ("320************018", Verdict.MASKED),
        ("3622321919****212", Verdict.STRUCT_FAIL),
        ("暂无", Verdict.STRUCT_FAIL),
        ("", Verdict.EMPTY),
        ("— —", Verdict.EMPTY),
        (None, Verdict.EMPTY),
    ],
)
def test_resident_id_verdicts(text: str | None, verdict: Verdict) -> None:
    assert resident_id_verdict(text, ON) is verdict


@pytest.mark.parametrize("address", ["330106", "320602", "330113", "330114", "810000", "820000", "830000", "931156"])
def test_no_address_is_a_reason_to_reject(address: str) -> None:
    first17 = f"{address}19600706001"
    assert resident_id_verdict(first17 + resident_id_check(first17), ON) is Verdict.VALID


@pytest.mark.parametrize("birth", ["18791231", "20260303", "20990101"])
def test_nobody_is_born_before_1880_or_after_today(birth: str) -> None:
    first17 = f"660101{birth}001"
    assert resident_id_verdict(first17 + resident_id_check(first17), ON) is Verdict.STRUCT_FAIL


@given(resident_ids())
def test_made_numbers_are_valid_and_any_other_check_digit_is_not(number: str) -> None:
    assert resident_id_verdict(number, ON) is Verdict.VALID
    others = [number[:17] + check for check in RESIDENT_CHECKS if check != number[17]]
    assert {resident_id_verdict(other, ON) for other in others} == {Verdict.CHECK_FAIL}


@given(resident_ids(), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(number: str, place: int, shift: int) -> None:
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    assert resident_id_verdict(wrong, ON) is not Verdict.VALID


@given(resident_ids())
def test_the_mask_hides_month_and_day_only(number: str) -> None:
    mask = mask_resident_id(number)
    assert mask is not None and len(mask) == 18
    assert [i for i in range(18) if mask[i] != number[i]] == [10, 11, 12, 13]
    assert resident_id_verdict(mask, ON) is Verdict.MASKED


@given(resident_ids())
def test_sex_is_the_parity_of_the_sequence_number(number: str) -> None:
    assert sex_of(number) == ("女" if int(number[16]) % 2 == 0 else "男")


@pytest.mark.parametrize("code", ["91350100M000100Y43", "91110000600037341L"])
def test_published_usccs(code: str) -> None:
    assert uscc_verdict(code) is Verdict.VALID
    assert uscc_verdict(code.lower()) is Verdict.VALID


@given(usccs())
def test_every_prefix_of_the_alphabet_is_accepted(code: str) -> None:
    assert uscc_verdict(code) is Verdict.VALID
    others = {uscc_verdict(code[:17] + check) for check in USCC_ALPHABET if check != code[17]}
    assert others == {Verdict.CHECK_FAIL}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("91350100M000100Y4", Verdict.STRUCT_FAIL),
        ("9135010OM000100Y43", Verdict.STRUCT_FAIL),
        ("91350100****100Y43", Verdict.MASKED),
        ("", Verdict.EMPTY),
    ],
)
def test_uscc_verdicts(text: str, verdict: Verdict) -> None:
    assert uscc_verdict(text) is verdict


@pytest.mark.parametrize("code", ["60003734-1", "600037341", "D2143569-X", "d2143569x"])
def test_published_organisation_codes(code: str) -> None:
    assert org_code_verdict(code) is Verdict.VALID


@given(st.text(ORG_CODE_ALPHABET, min_size=8, max_size=8))
def test_organisation_codes(first8: str) -> None:
    code = first8 + org_code_check(first8)
    assert org_code_verdict(f"{first8}-{code[8]}") is Verdict.VALID
    others = {org_code_verdict(first8 + check) for check in "0123456789X" if check != code[8]}
    assert others == {Verdict.CHECK_FAIL}


@given(st.text())
def test_any_text_gets_a_verdict(text: str) -> None:
    assert resident_id_verdict(text, ON) in Verdict
    assert uscc_verdict(text) in Verdict
    assert org_code_verdict(text) in Verdict


# ---------- registration and taxpayer numbers, masks, documents


def with_check(first17: str) -> str:
    return first17 + resident_id_check(first17)


def test_the_check_digit_of_a_registration_number_is_that_of_the_standard() -> None:
    # Worked by hand for 11010800000001 (ISO 7064 MOD 11,10), an example that guides to GS 15-2006 print with a 6.
    assert registration_check("11010800000001") == "6"
    assert registration_verdict("110108000000016") is Verdict.VALID


@given(st.from_regex(r"[0-9]{14}", fullmatch=True), st.integers(0, 14), st.integers(1, 9))
def test_one_wrong_digit_of_a_registration_number_is_found(first14: str, place: int, change: int) -> None:
    number = first14 + registration_check(first14)
    assert registration_verdict(number) is Verdict.VALID
    wrong = f"{number[:place]}{(int(number[place]) + change) % 10}{number[place + 1 :]}"
    assert registration_verdict(wrong) is Verdict.CHECK_FAIL


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("1101081234567", Verdict.VALID),  # 13 digits: no check digit, kept by whoever was struck off early
        ("110108-1234567", Verdict.VALID),
        ("33021200019832", Verdict.STRUCT_FAIL),  # 14, as one feed has them
        ("110108000000017", Verdict.CHECK_FAIL),
        ("110108*********", Verdict.MASKED),
        ("11010800000001A", Verdict.STRUCT_FAIL),
        (" ", Verdict.EMPTY),
        (None, Verdict.EMPTY),
    ],
)
def test_registration_numbers(text: str | None, verdict: Verdict) -> None:
    assert registration_verdict(text) is verdict


PERSON_18, PERSON_15 = with_check("66010119850304001"), "660101850304001"
CODE = "12345678" + org_code_check("12345678")
WRONG_CODE = CODE[:8] + ("0" if CODE[8] != "0" else "1")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("91660101" + CODE + uscc_check("91660101" + CODE), Verdict.VALID),
        ("660101" + CODE, Verdict.VALID),
        ("660101" + WRONG_CODE, Verdict.CHECK_FAIL),
        (PERSON_15, Verdict.VALID),
        (PERSON_18, Verdict.VALID),
        (PERSON_15 + "01", Verdict.VALID),
        (PERSON_18 + "01", Verdict.VALID),
        (PERSON_18[:17] + ("0" if PERSON_18[17] != "0" else "1") + "01", Verdict.CHECK_FAIL),
        (PERSON_18 + "0A", Verdict.STRUCT_FAIL),
        ("6601011985****0017", Verdict.MASKED),
        ("660101" + "*" * 9, Verdict.MASKED),
        ("12345", Verdict.STRUCT_FAIL),
        ("", Verdict.EMPTY),
    ],
)
def test_taxpayer_numbers_are_read_as_their_length_allows(text: str, verdict: Verdict) -> None:
    assert taxpayer_verdict(text, ON) is verdict


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("6601011985****0017", MaskKind.COURT),
        ("6601011985****001X", MaskKind.COURT),
        ("660101************", MaskKind.DIVISION),
        ("660************017", MaskKind.ENDS),
        ("6601011919****212", MaskKind.OTHER),  # 17 characters, as in the press: nothing is filled in
        ("6601*************7", MaskKind.OTHER),
        (PERSON_18, None),
        (None, None),
    ],
)
def test_three_masks_are_told_apart(text: str | None, kind: MaskKind | None) -> None:
    assert mask_kind(text) is kind


@given(resident_ids())
def test_a_mask_fits_its_number_and_no_other_visible_digit(number: str) -> None:
    for mask in (f"{number[:10]}****{number[14:]}", number[:6] + "*" * 12, f"{number[:3]}{'*' * 12}{number[15:]}"):
        assert mask_fits(mask, number)
        assert not mask_fits(mask, str((int(number[0]) + 1) % 10) + number[1:])
        assert not mask_fits(mask[1:], number)
        assert not mask_fits(mask, None)


@pytest.mark.parametrize(
    ("number", "document", "division"),
    [
        (PERSON_18, Document.RESIDENT, "660101"),
        (PERSON_15, Document.RESIDENT, "660101"),
        (with_check("81000019850304001"), Document.RESIDENCE_PERMIT, "810000"),
        (with_check("82000019850304001"), Document.RESIDENCE_PERMIT, "820000"),
        (with_check("83000019850304001"), Document.RESIDENCE_PERMIT, "830000"),
        (with_check("91112319850304001"), Document.PERMANENT_RESIDENCE, None),
        ("91660101" + CODE + uscc_check("91660101" + CODE), None, "660101"),
        ("6601011985****0017", None, None),
    ],
)
def test_documents_and_where_they_were_issued(number: str, document: Document | None, division: str | None) -> None:
    assert (document_of(number), division_of(number)) == (document, division)
    if document:
        assert resident_id_verdict(number, ON) is Verdict.VALID


@pytest.mark.parametrize("prefix", ["11", "12", "31", "51", "54", "91", "92", "93", "A1", "N1", "N2", "N9", "Y1"])
def test_every_prefix_of_a_unified_code_is_accepted(prefix: str) -> None:
    first17 = f"{prefix}660101{CODE}"
    assert uscc_verdict(first17 + uscc_check(first17)) is Verdict.VALID
