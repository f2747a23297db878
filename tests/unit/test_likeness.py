"""How alike names and numbers are written; the words of the model. No database."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_warehouse.likeness import model
from credit_warehouse.likeness.names import Likeness, likeness, slips, stem
from credit_warehouse.likeness.propose import candidates

TEXT = st.text(alphabet="王士土未末己巳恒衡盛胜一二东西", min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("王士林", "王士林", Likeness.SAME),
        ("王士林", "王土林", Likeness.LOOKS),
        ("周未", "周末", Likeness.LOOKS),
        ("付强", "傅强", Likeness.LOOKS),
        ("恒盛科技", "恒胜科技", Likeness.SOUNDS),
        ("颜小军", "闫小军", Likeness.ONE),
        ("恒盛科技", "恒盛达科技", Likeness.ONE),
        ("恒盛科技", "恒科技", Likeness.ONE),
        ("恒盛科技", "科技恒盛", Likeness.OTHER),
        ("第一分公司", "第二分公司", Likeness.OTHER),
        ("东升村", "西升村", Likeness.OTHER),
        ("恒盛", "恒盛达新", Likeness.OTHER),
    ],
)
def test_names_that_are_confused_and_names_that_are_told_apart_by_a_word(
    one: str, other: str, expected: Likeness
) -> None:
    assert likeness(one, other) is expected


@given(TEXT, TEXT)
def test_likeness_has_no_direction(one: str, other: str) -> None:
    assert likeness(one, other) is likeness(other, one)


def edits(one: str, other: str) -> int:
    """Levenshtein, by the book."""
    above = list(range(len(other) + 1))
    for row, a in enumerate(one, 1):
        line = [row]
        for column, b in enumerate(other, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (a != b)))
        above = line
    return above[-1]


@given(TEXT, TEXT)
def test_what_is_called_alike_is_at_most_one_edit_away(one: str, other: str) -> None:
    found = likeness(one, other)
    assert (found is Likeness.SAME) == (edits(one, other) == 0)
    if found is not Likeness.OTHER:
        assert edits(one, other) <= 1


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("916601010000050112", "916601010000050112", 0),
        ("916601010000050112", "916601010000050121", 1),  # exchanged
        ("916601010000050112", "916601010000050119", 1),
        ("916601010000050112", "926601010000050119", 2),
        ("91660101**********", "916601010000050112", None),
        ("916601010000", "916601010000050112", None),
        ("9166010100****0112", "916601010000050119", 1),
    ],
)
def test_slips_are_counted_over_what_both_show(one: str, other: str, expected: int | None) -> None:
    assert slips(one, other) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("恒盛贸易有限公司", "恒盛贸易"), ("恒盛贸易有限责任公司", "恒盛贸易"), ("恒盛集团股份有限公司", "恒盛"),
     ("恒盛贸易有限公司第二分公司", "恒盛贸易有限公司第二分公司"), ("恒盛贸易店", "恒盛贸易店")],
)  # fmt: skip
def test_the_legal_form_is_no_part_of_the_name_and_a_branch_is_not_its_parent(name: str, expected: str) -> None:
    assert stem(name) == expected


# ---------- the model

PAIR = {
    "item_id": "i", "subject_id": "s", "basis": "b", "content_batch_id": 1, "content_row_no": 1, "item_sex": None,
    "subject_sex": None, "item_age": None, "age_agrees": None,
}  # fmt: skip
UNIT = {
    **PAIR, "subject_kind": "organisation", "item_name": "杭州恒胜科技有限公司", "subject_name": "杭州恒盛科技有限公司",
    "item_number": None, "subject_number": "916601010000050112", "item_division": None, "subject_division": "660101",
    "item_representative": "赵甲", "subject_representative": "赵甲",
}  # fmt: skip
PERSON = {
    **PAIR, "subject_kind": "person", "item_name": "周未", "subject_name": "周末", "item_number": "6601011985****0017",
    "subject_number": "6601011985****0017", "item_division": "660101", "subject_division": "660101",
    "item_representative": None, "subject_representative": None, "item_sex": "男", "subject_sex": "男",
    "item_age": 40, "age_agrees": True,
}  # fmt: skip
MANY = 1_000_000


def test_a_slip_in_the_name_beside_the_same_representative_is_said_in_words() -> None:
    (found,) = candidates("organisation", [UNIT], MANY)
    facts = {fact["field"].split()[0]: fact for fact in found["evidence"].obj}
    assert facts["姓名或名称"]["says"].startswith("一字之差，音同")
    assert "佐证" in facts["法定代表人"]["says"] and facts["法定代表人"]["item"] == "赵*"
    assert not any(char.isdigit() for fact in facts.values() for char in fact["says"]), "no score is shown"


@pytest.mark.parametrize(
    "change",
    [
        {"item_representative": None},
        {"item_representative": "钱乙"},
        {"item_name": "杭州恒远物流有限公司"},
        {"item_representative": None, "item_division": "660101"},
        {"item_name": "杭州第二科技有限公司", "subject_name": "杭州第一科技有限公司"},
        {"item_name": "杭州恒盛科技有限公司分公司"},
    ],
)
def test_a_name_beside_nothing_or_beside_a_division_is_no_candidate(change: dict[str, str | None]) -> None:
    assert candidates("organisation", [{**UNIT, **change}], MANY) == []


def test_a_look_alike_name_beside_the_same_visible_number_is_a_candidate_and_is_masked() -> None:
    (found,) = candidates("person", [PERSON], MANY)
    assert found["evidence"].obj[0]["subject"] == "周末"
    (longer,) = candidates("person", [{**PERSON, "item_name": "周未小", "subject_name": "周末小"}], MANY)
    assert longer["evidence"].obj[0]["subject"] == "周末*"


@pytest.mark.parametrize("names", [("颜小军", "闫小军"), ("王甲", "李甲"), ("付强", "付祥")])
def test_people_are_never_proposed_by_sound_or_by_any_other_character(names: tuple[str, str]) -> None:
    assert candidates("person", [{**PERSON, "item_name": names[0], "subject_name": names[1]}], MANY) == []


@pytest.mark.parametrize("kind", model.KINDS)
def test_the_weights_in_git_fit_the_comparisons_and_the_best_level_speaks_for(kind: str) -> None:
    for name, (_, _, levels) in model.COMPARISONS[kind].items():
        comparison = next(one for one in model.weights(kind)["comparisons"] if one["output_column_name"] == name)
        kept = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        assert [(level["sql_condition"], level["label_for_charts"]) for level in kept] == list(levels)
        bits = [math.log2(level["m_probability"] / level["u_probability"]) for level in kept]
        assert bits[0] > 0 > bits[-1]
        for number, (_, words) in enumerate(reversed(levels)):
            said = model.in_words(kind, name, number)
            assert said is not None and said[1].startswith(words)
    assert model.in_words(kind, "name", -1) is None


def test_splink_adds_up_what_the_weights_say() -> None:
    """The total against a sum by hand: prior odds, then the ratio of every level that says something."""
    ((weight, levels),) = model.scores("organisation", [UNIT], 1000)
    bits = math.log2((1 / 1000) / (1 - 1 / 1000))
    for comparison in model.weights("organisation")["comparisons"]:
        level = levels[comparison["output_column_name"]]
        if level >= 0:
            kept = [one for one in comparison["comparison_levels"] if not one.get("is_null_level")][::-1]
            bits += math.log2(kept[level]["m_probability"] / kept[level]["u_probability"])
    assert weight == pytest.approx(bits)
