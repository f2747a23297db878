"""Word lists the generator draws from, and the pools that pick from them by weight."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from faker.providers.person.zh_CN import Provider as ChineseNames

T = TypeVar("T")
DATA = Path(__file__).parent / "data"

RARE_CHARACTERS = ("䶮", "𬭎", "㛃", "堃", "玥")
MINORITY_GIVEN = (
    "阿依古",
    "买买提",
    "古丽",
    "阿卜杜",
    "努尔",
    "艾力",
    "帕提",
    "吐尔逊",
    "热依",
    "达瓦",
    "其其格",
    "巴特",
)
MINORITY_FAMILY = ("艾山", "卡德尔", "亚森", "依明", "热合曼", "库尔班", "尼亚孜", "玉素甫", "扎西", "苏和")
TRADE_FIRST = "恒盛鑫宏瑞泰华嘉金德丰永兴祥诚信荣达远航翔腾凯博源康安和顺昌茂隆裕润泽景晟睿智"
TRADE_SECOND = "达通源泰丰盛荣华成业远大祥和利昌隆顺信诚安康宁峰川海林森洋航宇辰星辉明光旭创"

NOTIFY_UNITS = ("某县人民代表大会常务委员会", "某区教育局", "某市卫生健康委员会")
COMPANY_SUFFIXES = ("有限公司", "有限责任公司", "股份有限公司", "集团有限公司")
SOLE_TRADER_SUFFIXES = ("店", "厂", "门市部", "经营部")
OTHER_FORMS = {
    "12": ("{region}{word}服务中心", "{region}第{n}人民医院", "{region}实验学校"),
    "31": ("{region}{trade}律师事务所",),
    "51": ("{region}{word}行业协会", "{region}{trade}商会"),
    "52": ("{region}{trade}培训中心", "{region}{trade}职业学校"),
    "53": ("{region}{trade}慈善基金会",),
    "N1": ("{region}{trade}村股份经济合作社",),
    "N2": ("{region}{trade}街经济合作社",),
    "Y1": ("{region}{trade}管理处",),
}


class Court(NamedTuple):
    """A court, its province, and the characters that open its case numbers."""

    name: str
    short_name: str
    province: str
    letters: str


class Weighted(Generic[T]):
    """Values with weights; the running sums are kept, so that one draw costs one bisection."""

    def __init__(self, values: Sequence[T], weights: Sequence[float]) -> None:
        self._values = values
        self._sums = list(accumulate(weights))

    def draw(self, rng: random.Random) -> T:
        return rng.choices(self._values, cum_weights=self._sums)[0]


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _weighted(name: str, column: str, only: Sequence[str] | None = None) -> Weighted[str]:
    rows = [row for row in _rows(name) if only is None or row[column] in only]
    return Weighted([row[column] for row in rows], [float(row["weight"]) for row in rows])


@lru_cache
def surnames() -> Weighted[str]:
    return _weighted("surnames.csv", "surname")


@lru_cache
def industries() -> Weighted[str]:
    return _weighted("industries.csv", "word")


@lru_cache
def suffixes(kind: str) -> Weighted[str]:
    """Suffixes of companies (91), sole traders (92) and farmers' cooperatives (93)."""
    only = {"91": COMPANY_SUFFIXES, "92": SOLE_TRADER_SUFFIXES, "93": ("专业合作社",)}[kind]
    return _weighted("suffixes.csv", "suffix", only)


@lru_cache
def given_names(sex: str) -> tuple[str, ...]:
    return tuple(ChineseNames.first_names_male if sex == "男" else ChineseNames.first_names_female)


@lru_cache
def courts() -> tuple[Court, ...]:
    return tuple(
        Court(
            name=f"{row['city']}{row['district']}人民法院",
            short_name=f"{row['city'].rstrip('市')}{row['district'].rstrip('区县')}法院",
            province=row["province"],
            letters=f"{row['letter']}{row['code'][2:]}",
        )
        for row in _rows("courts.csv")
    )


@lru_cache
def place_names() -> tuple[str, ...]:
    """City and district names that open the names of organisations."""
    return tuple(
        dict.fromkeys(
            name
            for row in _rows("courts.csv")
            for name in (row["city"].rstrip("市"), f"{row['city']}{row['district']}")
        )
    )
