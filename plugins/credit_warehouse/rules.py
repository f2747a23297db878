"""Every quality rule, declared once: what must hold, on what basis, how severe a breach is, and who answers for it.

The declaration serves whatever checks the rule (Great Expectations, dbt, the loader) and the reports that show its
results. docs/quality-rules.md says where each kind of rule stands and how one is added.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from credit_warehouse.declarations import DeclarationError
from credit_warehouse.settings import PROJECT_ROOT, settings

EXPECTATIONS = PROJECT_ROOT / "expectations"
LOADER_COUNT = "loader_count"
"""Type of a rule of the raw gate that compares what the loader counted; Great Expectations has no part in it."""
CHANNEL_DAYS = "channel_days"
"""Type of a rule about the days of channels, which the export applies to each of them by itself."""
SUITES = {
    "arrival": "到达：整份文件",
    "raw": "入口：收到的文件",
    "rows": "逐行：收到的行",
    "inside": "内部：档案与规则表",
    "exports": "出口：对外产品",
}
TESTS = {"not_null": "不为空", "unique": "不重复", "accepted_values": "取值之一", "relationships": "对应存在"}
"""What dbt's own data tests ask, in words."""
REJECTION = re.compile(r"'([A-Z]+(?:_[A-Z]+)+):")
"""How a staging model names the rule of a row: ``RULE:field``."""


def _chinese(text: str) -> str:
    if not re.search(r"[\u4e00-\u9fff]", text):
        raise ValueError("a sentence in Chinese is needed")
    return text


Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Chinese = Annotated[str, Field(min_length=1), AfterValidator(_chinese)]


class Rule(BaseModel):
    """What every rule says of itself. Rules of ``arrival`` say no more: the code that receives a file applies them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$")]
    title: Chinese = Field(description="what holds where the rule is kept")
    basis: Text = Field(description="the article, or the reason where no article asks for it")
    severity: Literal["stop", "warn"]
    owner: Text = Field(description="row of the seed rule_owner: who answers for it at the centre")


class Gate(Rule):
    """An expectation at one of the two borders."""

    type: Text
    for_each: Literal["key", "names"] | None = None
    kwargs: dict[str, Any] = {}


class Inside(Rule):
    """What a group of dbt data tests stands for: ``tests`` maps a kind of test to patterns of ``table.column``."""

    tests: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(min_length=1)

    def covers(self, test: DbtTest) -> bool:
        """Whether the test stands for this rule."""
        return any(fnmatchcase(test.place, pattern) for pattern in self.tests.get(test.kind, []))


UNDECLARED = Inside(
    rule="UNDECLARED_TEST",
    title="没有登记规则的内部检验",
    basis="expectations/inside.yml：每项检验都须登记规则、依据与责任单位",
    severity="stop",
    owner="technical_operations",
    tests={"*": ["*"]},
)
"""What a test stands for until it is declared: its result counts all the same."""


class RowRule(BaseModel):
    """A row of the seed ``reject_rule``: breaking it quarantines a row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$")]
    reason_zh: Chinese
    reason_en: Text
    what_was_done_zh: Chinese
    severity: Literal["quarantine"]
    basis: Text
    owner: Text

    @property
    def title(self) -> str:
        """What is wrong where the rule is broken."""
        return self.reason_zh


class Owner(BaseModel):
    """A row of the seed ``rule_owner``: a section of the centre."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]
    owner_zh: Chinese
    owner_en: Text
    answers_for_zh: Chinese


@dataclass(frozen=True)
class DbtTest:
    """A generic data test as a properties file declares it."""

    layer: str
    """Schema of the table."""
    table: str
    column: str
    """Empty for a test of the table as a whole."""
    kind: str
    severity: Literal["stop", "warn"]
    arguments: str = ""
    where: str | None = None

    @property
    def place(self) -> str:
        """``table.column``, as rules name it."""
        return f"{self.table}.{self.column}" if self.column else self.table

    @property
    def target(self) -> str:
        """``schema.table.column``."""
        return f"{self.layer}.{self.place}"

    @property
    def expected(self) -> str:
        """What is asked, in words."""
        asked = f"{TESTS.get(self.kind, '')} {self.kind}".strip() + (f"：{self.arguments}" if self.arguments else "")
        return asked + (f"（{self.where}）" if self.where else "")


@dataclass(frozen=True)
class Book:
    """Every declared rule, and every dbt data test there is."""

    project: Path
    owners: dict[str, Owner]
    arrival: tuple[Rule, ...]
    raw: tuple[Gate, ...]
    rows: tuple[RowRule, ...]
    inside: tuple[Inside, ...]
    exports: dict[str, tuple[Gate, ...]]
    tests: tuple[DbtTest, ...]

    def every(self) -> Iterator[tuple[str, str, Rule | RowRule]]:
        """(suite, file, rule), in the order in which rows meet them."""
        for suite in ("arrival", "raw"):
            yield from ((suite, f"{suite}.yml", rule) for rule in getattr(self, suite))
        yield from (("rows", "reject_rule.csv", rule) for rule in self.rows)
        yield from (("inside", "inside.yml", rule) for rule in self.inside)
        for product, gate in self.exports.items():
            yield from (("exports", f"{product}.yml", rule) for rule in gate)

    def rule_of(self, test: DbtTest) -> Inside | None:
        """The rule that a dbt data test stands for."""
        return next((rule for rule in self.inside if rule.covers(test)), None)

    def owner_zh(self, owner: str | None) -> str:
        """The section's name; the code where the section is gone, a dash where a result names none."""
        return self.owners[owner].owner_zh if owner in self.owners else owner or "—"

    def faults(self) -> list[str]:
        """What does not fit together: file, rule, field."""
        return [*self._of_rules(), *self._of_tests(), *_strangers(self)]

    def _of_rules(self) -> Iterator[str]:
        used = Counter(rule.rule for _, _, rule in self.every())
        for _, file, rule in self.every():
            if used[rule.rule] > 1:
                yield f"{file}: {rule.rule}: rule: the id is used {used[rule.rule]} times"
            if rule.owner not in self.owners:
                yield f"{file}: {rule.rule}: owner: {rule.owner!r} is not in rule_owner.csv"

    def _of_tests(self) -> Iterator[str]:
        for (place, kind), count in Counter((test.place, test.kind) for test in self.tests).items():
            if count > 1:
                yield f"inside.yml: {place}: {kind}: declared {count} times; a result would not tell which"
        for test in self.tests:
            found = [rule for rule in self.inside if rule.covers(test)]
            if len(found) != 1:
                named = f"stands for {', '.join(rule.rule for rule in found)}" if found else "stands for no rule"
                yield f"inside.yml: {test.place}: {test.kind}: {named}; it has to stand for one"
            elif found[0].severity != test.severity:
                yield (
                    f"inside.yml: {found[0].rule}: severity: {found[0].severity}, but dbt's {test.kind} of {test.place}"
                    f" is configured to {test.severity}"
                )
        for rule in self.inside:
            for kind, patterns in rule.tests.items():
                for pattern in patterns:
                    if not any(test.kind == kind and fnmatchcase(test.place, pattern) for test in self.tests):
                        yield f"inside.yml: {rule.rule}: tests.{kind}: {pattern!r} meets no dbt test"


def load_book() -> Book:
    """Every declared rule. Raises DeclarationError naming file, rule and field of every slip of the pen."""
    return read_book(settings().sources.parents[1], EXPECTATIONS)


def gate(name: str) -> list[Gate]:
    """The rules of one gate: ``raw``, or a product. Raises DeclarationError as load_book does."""
    return list(_yaml(EXPECTATIONS / ("raw.yml" if name == "raw" else f"exports/{name}.yml"), Gate))


def check_rules(book: Book | None = None) -> Book:
    """The rules, when they are complete and fit together. Raises DeclarationError with every fault, one a line."""
    book = book or load_book()
    faults = book.faults()
    if faults:
        raise DeclarationError("\n".join(faults))
    return book


@lru_cache
def read_book(project: Path, expectations: Path) -> Book:
    """The rules of a dbt project and a folder of gates. Raises DeclarationError as load_book does."""
    faults: list[str] = []
    read: dict[str, Any] = {"project": project, "exports": {}}
    seeds = project / "seeds"
    for name, path, kind in (
        ("owners", seeds / "rule_owner.csv", Owner),
        ("arrival", expectations / "arrival.yml", Rule),
        ("raw", expectations / "raw.yml", Gate),
        ("rows", seeds / "reject_rule.csv", RowRule),
        ("inside", expectations / "inside.yml", Inside),
        *((path.stem, path, Gate) for path in sorted((expectations / "exports").glob("*.yml"))),
    ):
        try:
            found: tuple[Any, ...] = _csv(path, kind) if path.suffix == ".csv" else _yaml(path, kind)
        except DeclarationError as error:
            faults.append(str(error))
            continue
        (read["exports"] if path.parent.name == "exports" else read)[name] = found
    try:
        read["tests"] = tuple(_tests(project))
    except DeclarationError as error:
        faults.append(str(error))
    if faults:
        raise DeclarationError("\n".join(faults))
    return Book(**{**read, "owners": {owner.owner: owner for owner in read["owners"]}})


Declared = TypeVar("Declared", bound=BaseModel)


@lru_cache
def _yaml(path: Path, kind: type[Declared]) -> tuple[Declared, ...]:
    return _validated(path, kind, enumerate(_document(path) or [], 1))


@lru_cache
def _csv(path: Path, kind: type[Declared]) -> tuple[Declared, ...]:
    with path.open(encoding="utf-8", newline="") as lines:
        # A line with too many fields keeps the rest under no name, which no declaration knows.
        rows = list(csv.DictReader(lines, restkey="too many fields"))
    return _validated(path, kind, ((number, {k: v for k, v in row.items() if v}) for number, row in enumerate(rows, 2)))


def _document(path: Path) -> Any:
    return _parsed(path.resolve())


@lru_cache
def _parsed(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise DeclarationError(f"{path.name}: {error}") from error


def _validated(path: Path, kind: type[Declared], entries: Iterable[tuple[int, Any]]) -> tuple[Declared, ...]:
    found, faults = [], []
    for number, entry in entries:
        name = entry.get("owner" if kind is Owner else "rule") if isinstance(entry, Mapping) else None
        try:
            found.append(kind.model_validate(entry))
        except ValidationError as error:
            for slip in error.errors():
                field = ".".join(map(str, slip["loc"])) or "rule"
                faults.append(f"{path.name}: {name or f'entry {number}'}: {field}: {slip['msg']}")
    if faults:
        raise DeclarationError("\n".join(faults))
    return tuple(found)


def _tests(project: Path) -> Iterator[DbtTest]:
    for path in sorted([*project.glob("seeds/*.yml"), *project.glob("models/**/*.yml")]):
        layer = "core" if path.parent.name == "seeds" else path.relative_to(project / "models").parts[0]
        document = _document(path) or {}
        for table in [*document.get("models", []), *document.get("seeds", [])]:
            for column in [{**table, "name": ""}, *table.get("columns", [])]:
                for test in [*column.get("data_tests", []), *column.get("tests", [])]:
                    yield _test(layer, table["name"], column["name"], test)


def _test(layer: str, table: str, column: str, test: str | dict[str, Any]) -> DbtTest:
    if isinstance(test, str):
        return DbtTest(layer, table, column, test, "stop")
    ((kind, given),) = test.items()
    given = given or {}
    arguments = given.get("arguments", {})
    config = given.get("config", {})
    return DbtTest(
        layer,
        table,
        column,
        kind,
        "warn" if str(config.get("severity", "error")).lower() == "warn" else "stop",
        "；".join(_words(value) for value in arguments.values()),
        config.get("where"),
    )


def _words(value: Any) -> str:
    return "、".join(map(str, value)) if isinstance(value, list) else str(value)


def _strangers(book: Book) -> Iterator[str]:
    """Checks that stand where no rule can be declared for them, and rows rejected by a rule that nobody declared."""
    folder = book.project
    known = {rule.rule for rule in book.rows}
    for path in sorted((folder / "models" / "staging").rglob("*.sql")):
        for rule in sorted(set(REJECTION.findall(path.read_text(encoding="utf-8"))) - known):
            yield f"{path.name}: {rule}: rule: rejects rows and is not in reject_rule.csv"
    for path in sorted((folder / "models" / "staging").rglob("*.yml")):
        for source in (_document(path) or {}).get("sources", []):
            for table in source.get("tables", []):
                if any({"data_tests", "tests"} & set(part) for part in [table, *table.get("columns", [])]):
                    yield f"{path.name}: {table['name']}: data_tests: what comes in is checked by the gate raw.yml"
    for path in sorted(path for path in (folder / "tests").rglob("*.sql") if path.parent.name != "generic"):
        yield f"{path.name}: data_tests: state it as a generic test of its model: a result has to name a table"
