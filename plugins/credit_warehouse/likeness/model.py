"""Splink's model of how alike an item and a subject are, said in words.

The weights are in git (``organisation.json``, ``person.json``) and were learnt from made-up people. They are evidence
for a reviewer: no number of them is shown, and none decides anything about a record or a product.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from credit_warehouse.likeness.names import likeness, slips, stem

if TYPE_CHECKING:
    from splink import DuckDBAPI

Row = dict[str, Any]
FOLDER = Path(__file__).parent
KINDS = ("organisation", "person")
COLUMNS = ("name", "number", "division", "representative", "sex", "age")

# (field, Chinese and English; levels from the strongest: condition, what it says)
Levels = tuple[tuple[str, str], ...]
NAME = "姓名或名称 name"
DIVISION: Levels = (
    ("division_l = division_r", "区划相同 the same division"),
    ("left(division_l, 4) = left(division_r, 4)", "同市不同县 the same city, another county"),
    ("ELSE", "区划不同 another division"),
)
COMPARISONS: dict[str, dict[str, tuple[str, str, Levels]]] = {
    "organisation": {
        "name": (NAME, "name", (
            ("name_likeness(name_l, name_r) = 'SAME'", "名称相同（不计组织形式） the same name but for the legal form"),
            ("name_likeness(name_l, name_r) = 'LOOKS'", "一字之差，形近 one character that looks alike"),
            ("name_likeness(name_l, name_r) = 'SOUNDS'", "一字之差，音同 one character that sounds alike"),
            ("name_likeness(name_l, name_r) = 'ONE'", "一字之差 one character apart"),
            ("ELSE", "名称不同 another name"),
        )),
        "representative": ("法定代表人 legal representative", "representative", (
            ("representative_l = representative_r", "相同 the same"),
            ("name_likeness(representative_l, representative_r) = 'LOOKS'", "一字形近 one character that looks alike"),
            ("ELSE", "不同 another"),
        )),
        "division": ("区划 division", "division", DIVISION),
        "number": ("代码 code", "number", (
            ("number_slips(number_l, number_r) <= 1", "仅一处不同 one slip"),
            ("number_slips(number_l, number_r) = 2", "两处不同 two slips"),
            ("ELSE", "不同 another"),
        )),
    },
    "person": {
        "name": (NAME, "name", (
            ("name_l = name_r", "姓名相同 the same name"),
            ("name_likeness(name_l, name_r) = 'LOOKS'", "一字之差，形近 one character that looks alike"),
            ("ELSE", "姓名不同 another name"),
        )),
        "division": ("号码中的区划 division in the number", "division", DIVISION),
        "year": ("号码中的出生年份 year of birth in the number", "number", (
            ("substr(number_l, 7, 4) = substr(number_r, 7, 4)", "相同 the same"),
            ("part_slips(substr(number_l, 7, 4), substr(number_r, 7, 4)) = 1", "仅一处不同 one slip"),
            ("ELSE", "不同 another"),
        )),
        "tail": ("号码末四位 last four of the number", "number", (
            ("right(number_l, 4) = right(number_r, 4)", "相同 the same"),
            ("part_slips(right(number_l, 4), right(number_r, 4)) = 1", "仅一处不同 one slip"),
            ("ELSE", "不同 another"),
        )),
        "sex": ("性别 sex", "sex", (("sex_l = sex_r", "相同 the same"), ("ELSE", "不同 another"))),
        "age": ("年龄与出生年份 age and year of birth", "age", (
            ("abs(age_l - age_r) <= 1", "相符（±1） agree, give or take one"), ("ELSE", "不符 disagree"),
        )),
    },
}  # fmt: skip
WORDS = (
    (10.0, "极有力 very strong"), (6.0, "有力 strong"), (3.0, "较有力 fair"), (0.0, "微弱 weak"),
)  # fmt: skip


def settings_of(kind: str) -> Row:
    """Splink's settings before training."""
    return {
        "link_type": "link_only",
        "unique_id_column_name": "unique_id",
        "retain_matching_columns": False,
        "blocking_rules_to_generate_predictions": [{"blocking_rule": "l.pair = r.pair", "sql_dialect": "duckdb"}],
        "comparisons": [
            {
                "output_column_name": name,
                "comparison_levels": [
                    {"sql_condition": _unknown(kind, name, column), "label_for_charts": "未知 unknown",
                     "is_null_level": True},
                    *({"sql_condition": condition, "label_for_charts": words} for condition, words in levels),
                ],
            }
            for name, (_, column, levels) in COMPARISONS[kind].items()
        ],
    }  # fmt: skip


def _unknown(kind: str, name: str, column: str) -> str:
    if (kind, name) == ("organisation", "number"):
        return "number_slips(number_l, number_r) is null"
    return f"{column}_l is null or {column}_r is null"


@lru_cache
def weights(kind: str) -> Row:
    """The trained settings."""
    found: Row = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    return found


def database() -> DuckDBAPI:
    """DuckDB in memory, one thread, that fetches nothing from anywhere, with the two comparisons of this project."""
    import duckdb
    from duckdb.func import FunctionNullHandling
    from splink import DuckDBAPI

    connection = duckdb.connect(
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False, "threads": 1}
    )
    text = "VARCHAR"
    connection.create_function("name_likeness", likeness, [text, text], text)
    # Null where too little shows: DuckDB lets a function return it only if it takes it as well.
    connection.create_function(
        "number_slips", _slips, [text, text], "INTEGER", null_handling=FunctionNullHandling.SPECIAL
    )
    connection.create_function("part_slips", lambda one, other: slips(one, other, 1), [text, text], "INTEGER")
    return DuckDBAPI(connection)


def _slips(one: str | None, other: str | None) -> int | None:
    return None if one is None or other is None else slips(one, other)


def sides(kind: str, pairs: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The two sides of the pairs as the model reads them."""
    said: list[Row] = []
    known: list[Row] = []
    for place, pair in enumerate(pairs):
        age = pair["item_age"]
        # The rule has compared the age with the dates; what is left to say is that it agrees.
        ages = (age, age if pair["age_agrees"] else None) if age is not None else (None, None)
        for side, prefix, years in ((said, "item", ages[0]), (known, "subject", ages[1])):
            row: Row = {column: pair.get(f"{prefix}_{column}") for column in COLUMNS}
            row["name"] = stem(pair[f"{prefix}_name"]) if kind == "organisation" else pair[f"{prefix}_name"]
            side.append({"unique_id": place, "pair": place, **row, "age": years})
    return said, known


def scores(kind: str, pairs: Sequence[Row], subjects: int) -> list[tuple[float, dict[str, int]]]:
    """For each pair the weight of the evidence, against the odds of one subject among so many, and the level found."""
    if not pairs:
        return []
    import pyarrow
    from splink import Linker

    api = database()
    said, known = (
        api.register(pyarrow.Table.from_pylist(side, schema=_schema()), dataset_display_name=name)
        for side, name in zip(sides(kind, pairs), ("said", "known"), strict=True)
    )
    given = {
        **weights(kind),
        "probability_two_random_records_match": 1 / max(subjects, 2),
        # Both, to be told the levels.
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": True,
    }
    linker = Linker([said, known], given, log_level=None)
    names = list(COMPARISONS[kind])
    gammas = ", ".join(f"gamma_{name}" for name in names)
    predicted = linker.inference.predict_between(said, known, warning_mode="never")
    found = api.duckdb_con.sql(
        f"select unique_id_l, match_weight, {gammas} from {predicted.physical_name} order by unique_id_l"
    ).fetchall()
    return [(row[1], dict(zip(names, row[2:], strict=True))) for row in found]


def _schema() -> Any:
    import pyarrow

    whole = pyarrow.int64()
    return pyarrow.schema(
        [("unique_id", whole), ("pair", whole), *((name, pyarrow.string()) for name in COLUMNS[:-1]), ("age", whole)]
    )


def in_words(kind: str, name: str, level: int) -> tuple[bool, str] | None:
    """Whether a comparison speaks for the pair, and how much, in words; None where it says nothing."""
    if level < 0:
        return None
    comparison = next(one for one in weights(kind)["comparisons"] if one["output_column_name"] == name)
    levels = [one for one in comparison["comparison_levels"] if not one.get("is_null_level")]
    found = levels[len(levels) - 1 - level]
    bits = math.log2(found["m_probability"] / found["u_probability"])
    force = next((words for least, words in WORDS if abs(bits) >= least), "")
    side = "佐证 for" if bits > 0 else "反证 against"
    return bits > 0, f"{found['label_for_charts']}，{force} {side}"
