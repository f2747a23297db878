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
    Verdict,
    birth_date_of,
    mask_resident_id,
    org_code_check,
    org_code_verdict,
    resident_id_check,
    resident_id_verdict,
    sex_of,
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
