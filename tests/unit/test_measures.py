"""The catalogue of measures against the documents: every numbered paragraph is a measure or says why it is none.

tests/outline.csv lists the paragraphs. tests/outline.py printed it from the documents, which are not kept here.
"""

from __future__ import annotations

import csv
import hashlib
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from credit_warehouse.settings import PROJECT_ROOT
from outline import paragraphs, rows

OUTLINE = Path(__file__).parents[1] / "outline.csv"
ROLES = {
    "legal_rep", "principal", "directly_responsible", "actual_controller", "director", "supervisor", "senior_manager",
}  # fmt: skip
WORDING = {
    "BLOCK": "不得|不予|禁止|不作为",
    "RESTRICT": "限制|限额|停止|前置条件",
    "REVIEW": "从严|审查|要求提供|授信时查询",
    "REFERENCE": "参考|纳入",
    "MONITOR": "重点监管|约谈",
    "COOPERATE": "协助|人民法院|法院委托",
    "REVOKE_HONOUR": "撤销",
}
"""How the documents speak of each effect; a measure whose words do not fit has the wrong effect."""


OFFICE = {
    "legal_rep": "法定代表人", "principal": "主要负责人", "directly_responsible": "直接责任人员",
    "actual_controller": "实际控制人", "director": "董事", "supervisor": "监事", "senior_manager": "高级管理人员",
}  # fmt: skip


def seed(name: str) -> list[dict[str, str]]:
    with (PROJECT_ROOT / "dbt_project" / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def read_back() -> list[dict[str, str]]:
    with OUTLINE.with_name("read_back.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def outline() -> list[dict[str, str]]:
    with OUTLINE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


MEASURES = seed("measure")
PARAGRAPHS = seed("measure_paragraph")
codes = [measure["measure_code"] for measure in MEASURES]


def test_every_numbered_paragraph_is_accounted_for_once_and_in_order() -> None:
    place = [(row["document"], row["paragraph"]) for row in outline()]
    assert [(row["document"], row["paragraph"]) for row in PARAGRAPHS] == place
    assert Counter(document for document, _ in place) == {"QDSB-2017": 68, "JZ-2017": 29}


def test_paragraphs_of_each_kind_counted_by_hand() -> None:
    found = Counter((row["document"], row["kind"]) for row in PARAGRAPHS)
    assert {kind: number for (document, kind), number in found.items() if document == "QDSB-2017"} == {
        "heading": 15, "principle": 3, "measure": 26, "criminal": 1, "court_support": 6, "publicity": 3,
        "sharing": 2, "list_rule": 6, "organisation": 6,
    }  # fmt: skip
    assert {kind: number for (document, kind), number in found.items() if document == "JZ-2017"} == {
        "heading": 2, "principle": 2, "measure": 16, "organisation": 4, "publicity": 2, "procedure": 1, "criminal": 1,
        "court_support": 1,
    }  # fmt: skip


def test_a_paragraph_is_a_measure_exactly_when_a_measure_names_it() -> None:
    named = {(measure["document"], measure["paragraph"]) for measure in MEASURES}
    assert {(row["document"], row["paragraph"]) for row in PARAGRAPHS if row["kind"] == "measure"} == named
    assert [row["paragraph"] for row in PARAGRAPHS if row["kind"] != "measure" and not row["reason_zh"]] == []


def test_measures_of_each_document_and_category() -> None:
    assert Counter((measure["document"], measure["category"]) for measure in MEASURES) == {
        ("QDSB-2017", "从事特定行业或项目限制"): 9, ("QDSB-2017", "政府支持或补贴限制"): 2,
        ("QDSB-2017", "任职资格限制"): 9, ("QDSB-2017", "准入资格限制"): 3, ("QDSB-2017", "荣誉和授信限制"): 6,
        ("QDSB-2017", "限制高消费及有关消费"): 6, ("QDSB-2017", "协助查询、控制及出境限制"): 5,
        ("JZ-2017", "从事特定行业或项目限制"): 4, ("JZ-2017", "政府支持或补贴限制"): 2,
        ("JZ-2017", "任职资格限制"): 5, ("JZ-2017", "荣誉和授信限制"): 8, ("JZ-2017", "特殊市场交易限制"): 2,
        ("JZ-2017", "限制高消费及有关消费"): 3, ("JZ-2017", "协助查询、控制及出境限制"): 9,
        ("JZ-2017", "加强日常监管检查"): 3,
    }  # fmt: skip


def test_the_first_ten_codes_mean_what_they_meant() -> None:
    known = {measure["measure_code"]: (measure["paragraph"], measure["effect_type"]) for measure in MEASURES}
    first = {
        "QDSB-1-1": ("二（一）1", "RESTRICT"), "QDSB-1-2": ("二（一）2", "REVIEW"),
        "QDSB-1-4": ("二（一）4", "RESTRICT"), "QDSB-1-5": ("二（一）5", "RESTRICT"),
        "QDSB-2-1": ("二（二）1", "RESTRICT"), "QDSB-2-2": ("二（二）2", "REFERENCE"),
        "QDSB-3-2": ("二（三）2", "RESTRICT"), "QDSB-3-5": ("二（三）5", "RESTRICT"),
        "QDSB-3-8": ("二（三）8", "REFERENCE"), "QDSB-6-2": ("二（六）2", "RESTRICT"),
    }  # fmt: skip
    assert {code: known[code] for code in first} == first


@pytest.mark.parametrize("measure", MEASURES, ids=codes)
def test_a_measure_is_complete_and_its_effect_is_that_of_its_words(measure: dict[str, str]) -> None:
    assert re.search(WORDING[measure["effect_type"]], measure["measure_zh"])
    assert measure["measure_en"]
    assert "true" in (measure["applies_to_person"], measure["applies_to_organisation"])
    assert measure["effect_type"] != "COOPERATE" or measure["needs_court_order"] == "true"
    for column in ("related_roles", "unit_roles"):
        assert set(measure[column].split("|")) <= ROLES | {""}
    assert bool(measure["retention_basis"]) == bool(measure["retention_months"])


def test_every_measure_is_somebodys_duty_in_its_own_place() -> None:
    place = {department["department_code"]: department["jurisdiction"] for department in seed("department")}
    duties = seed("measure_department")
    where = {measure["measure_code"]: measure["jurisdiction"] for measure in MEASURES}
    assert len(duties) == len({tuple(duty.values()) for duty in duties})
    assert {duty["measure_code"] for duty in duties} == set(codes)
    assert {duty["department_code"] for duty in duties} == set(place)
    assert [duty for duty in duties if place[duty["department_code"]] != where[duty["measure_code"]]] == []
    documents = {document["document"]: document["jurisdiction"] for document in seed("measure_document")}
    assert [code for code, measure in zip(codes, MEASURES, strict=True)
            if documents[measure["document"]] != measure["jurisdiction"]] == []  # fmt: skip


def test_a_department_code_can_be_the_name_of_a_folder() -> None:
    assert [
        row["department_code"] for row in seed("department") if not re.fullmatch(r"[a-z0-9-]+", row["department_code"])
    ] == []


def test_one_place_is_served_until_a_centre_says_otherwise() -> None:
    assert [place["jurisdiction"] for place in seed("served_jurisdiction")] == ["370203"]


# Drawn by lot and read from the documents by hand: what they say, where, of whom, and who shall do it.
READ_BACK = read_back()


def test_twenty_measures_drawn_by_lot_were_read() -> None:
    drawn = sorted(random.Random(20).sample(codes, 20))
    assert sorted(row["measure_code"] for row in READ_BACK) == drawn


@pytest.mark.parametrize("read", READ_BACK, ids=[row["measure_code"] for row in READ_BACK])
def test_a_measure_reads_back_as_its_paragraph(read: dict[str, str]) -> None:
    (measure,) = [row for row in MEASURES if row["measure_code"] == read["measure_code"]]
    for column in ("document", "paragraph", "effect_type", "applies_to_person", "applies_to_organisation",
                   "needs_court_order"):  # fmt: skip
        assert measure[column] == read[column], column
    for column in ("related_roles", "unit_roles"):
        assert set(measure[column].split("|")) == set(read[column].split("|")), column
    # The text is the paragraph's own, by the hash of the whole of it, and holds the passage.
    (known,) = [
        row for row in outline() if (row["document"], row["paragraph"]) == (read["document"], read["paragraph"])
    ]
    assert hashlib.sha256(read["text"].encode()).hexdigest() == known["sha256"]
    assert len(read["text"]) == int(known["characters"])
    passage = read["passage"]
    assert passage in read["text"] and re.search(WORDING[measure["effect_type"]], passage)
    for column in ("related_roles", "unit_roles"):
        assert all(OFFICE[role] in passage for role in filter(None, measure[column].split("|"))), column
    if "为个人" in passage:
        assert (measure["applies_to_person"], measure["applies_to_organisation"]) == ("true", "false")
    departments = {row["department_code"]: row["department"] for row in seed("department")}
    told = {departments[row["department_code"]] for row in seed("measure_department")
            if row["measure_code"] == read["measure_code"]}  # fmt: skip
    assert told == set(read["departments"].split("、"))
    responsible = re.search("责任部门[:：](.+?)）", read["text"])
    if responsible:
        assert told == set(responsible[1].split("、"))


TEXT = """某市文件
一、总则
做事要
合法。
（一）目的。为了（二）某事
— 2—
(二 )措施。
1.甲事限制，见（一）。
2．乙事
参考。
二、附则
"""


def test_paragraphs_are_found_whatever_the_brackets_and_wherever_the_page_ends() -> None:
    assert list(paragraphs(TEXT)) == [
        ("一", "一、总则做事要合法。"),
        ("一（一）", "（一）目的。为了（二）某事"),
        ("一（二）", "(二)措施。"),
        ("一（二）1", "1.甲事限制，见（一）。"),
        ("一（二）2", "2．乙事参考。"),
        ("二", "二、附则"),
    ]


def test_the_hash_is_that_of_the_text_without_white_space() -> None:
    assert list(rows("D", "一、甲 乙\n丙")) == [("D", "一", 5, hashlib.sha256("一、甲乙丙".encode()).hexdigest())]
