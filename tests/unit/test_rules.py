"""Quality rules: what is shipped is complete, a slip of the pen is named, each rule has a case that breaks it."""

from __future__ import annotations

import ast
import csv
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import gate_rules
import hostile.made
from credit_warehouse.cli import app
from credit_warehouse.declarations import DeclarationError
from credit_warehouse.rules import Book, DbtTest, check_rules, load_book, read_book
from credit_warehouse.settings import PROJECT_ROOT

TESTS = PROJECT_ROOT / "tests"
HOSTILE = Path(hostile.made.__file__).parent / "cases"

ELSEWHERE = {
    "integration/test_cadence.py": {"CHANNEL_CADENCE"},
    "integration/test_transports.py": {
        "COUNT_MISMATCH", "PROVIDER_CONTENT", "PROVIDER_DENIED", "PROVIDER_TIMEOUT", "PROVIDER_UNREACHABLE",
        "PROVIDER_UNTRUSTED",
    },
    "unit/test_transports.py": {"FILE_NAME_INVALID"},
}  # fmt: skip
"""Cases that need a provider or the days of a channel; all others are files of the hostile suite."""


@dataclass(frozen=True)
class Spoil:
    """A copy of the declarations, to change one text in."""

    folder: Path

    def __call__(self, file: str, old: str, new: str) -> None:
        """Put ``new`` where ``old`` first stands."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        assert old in text
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def book(self) -> Book:
        """The rules as the copy declares them."""
        return read_book(self.folder / "dbt_project", self.folder / "expectations")


def broken_by_hostile_files() -> set[str]:
    """Rules that the hostile suite expects to refuse a file or to reject a row."""
    found = set()
    for path in HOSTILE.glob("*.yml"):
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]:
            expect = case["expect"]
            found |= {expect.get("refused")}
            found |= {rule for stage in ("rejected", "staging") for _, rule, _ in expect.get(stage) or []}
    return found - {None}


def inside_cases() -> set[tuple[str, str]]:
    """(test, schema.table.column) of every case of a dbt data test."""
    with (TESTS / "inside_cases.csv").open(encoding="utf-8", newline="") as lines:
        return {(row["test"], row["place"]) for row in csv.DictReader(lines)}


class TestCases:
    """A rule that nothing has ever broken may be one that nothing can break."""

    def test_every_rule_has_a_case_that_breaks_it(self) -> None:
        book = load_book()
        gates = set(gate_rules.RAW_BREAKS) | set(gate_rules.CHANNEL_BREAKS) | set(gate_rules.OVERTAKEN)
        gates |= set(gate_rules.SPOILT_EXPOSURE) | set(gate_rules.SPOILT_DIRECTIVE)
        gates |= {rule for spoilt in gate_rules.MORE_SPOILT.values() for rule in spoilt}
        broken = gates | broken_by_hostile_files() | set().union(*ELSEWHERE.values())
        declared = {rule.rule for suite, _, rule in book.every() if suite != "inside"}
        assert declared - broken == set(), "no case breaks these rules"
        assert broken - declared == set(), "cases break rules that nobody declared"

    def test_every_dbt_test_has_a_case_that_breaks_it(self) -> None:
        declared = {(test.kind, test.target) for test in load_book().tests}
        assert declared - inside_cases() == set(), "no line of tests/inside_cases.csv breaks these tests"
        assert inside_cases() - declared == set(), "lines of tests/inside_cases.csv break tests that nobody declared"

    @pytest.mark.parametrize("module", ELSEWHERE)
    def test_cases_elsewhere_are_there(self, module: str) -> None:
        tree = ast.parse((TESTS / module).read_text(encoding="utf-8"))
        told = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert ELSEWHERE[module] <= told

    def test_a_new_rule_without_a_case_is_named(self, spoil: Spoil) -> None:
        spoil(
            "dbt_project/models/core/_core.yml", "data_tests: [unique, not_null]", "data_tests: [unique, not_null, x]"
        )
        declared = {(test.kind, test.target) for test in spoil.book().tests}
        assert declared - inside_cases() == {("x", "core.court_place.name_zh")}


class TestShipped:
    def test_the_shipped_rules_fit_together(self) -> None:
        book = check_rules()
        assert {suite for suite, _, _ in book.every()} == {"arrival", "raw", "rows", "inside", "exports"}
        assert set(book.exports) == {"exposure_publication", "punishment_directive", "restricted_notice"}

    def test_every_owner_answers_for_something(self) -> None:
        book = load_book()
        assert {rule.owner for _, _, rule in book.every()} == set(book.owners)

    def test_every_rule_that_refuses_a_file_is_declared(self) -> None:
        """Whatever the code refuses with: literals of ``Refused`` and of the helpers that make one."""
        known = {rule.rule for _, _, rule in load_book().every()}
        used = set()
        for path in (PROJECT_ROOT / "plugins" / "credit_warehouse").rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text)) if "Refused(" in text else []:
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused" and node.args:
                    used |= {
                        part.value for part in ast.walk(node.args[0])
                        if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    }  # fmt: skip
        used = {rule for rule in used if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", rule)}
        assert len(used) > 15
        assert used - known == set()

    def test_a_test_tells_where_it_looks_and_what_it_asks(self) -> None:
        test = DbtTest("core", "credit_item", "status", "accepted_values", "stop", "ACTIVE、DELETED", "is_current")
        assert (test.place, test.target) == ("credit_item.status", "core.credit_item.status")
        assert test.expected == "取值之一 accepted_values：ACTIVE、DELETED（is_current）"

    def test_rules_of_one_owner_are_listed_with_article_and_severity(self) -> None:
        done = CliRunner().invoke(app, ["rules", "--owner", "联合惩戒科"])
        assert done.exit_code == 0
        assert "DIRECTIVE_RELATED  拦截  联合惩戒科" in done.output and "法释〔2015〕17号第三条" in done.output
        assert "EXPOSURE_ADULT" not in done.output
        assert CliRunner().invoke(app, ["rules", "--owner", "nobody"]).exit_code == 1


@pytest.fixture
def spoil(tmp_path: Path) -> Spoil:
    for folder in ("expectations", "dbt_project"):
        shutil.copytree(PROJECT_ROOT / folder, tmp_path / folder, copy_function=os.symlink)
    return Spoil(tmp_path)


RAW, INSIDE, ROWS = "expectations/raw.yml", "expectations/inside.yml", "dbt_project/seeds/reject_rule.csv"
KEY_ROW = "KEY_MISSING,主键为空,the key is empty,该行隔离，其余照常装载,quarantine,"
SLIPS = {
    "no owner": (RAW, "  owner: data_collection\n", "", "raw.yml: RAW_REJECTS: owner: Field required"),
    "an owner nobody knows": (RAW, "owner: data_collection", "owner: data_colection",
                              "raw.yml: RAW_REJECTS: owner: 'data_colection' is not in rule_owner.csv"),
    "no article or reason": (RAW, "  basis: 来源声明 ingest.rejects\n", "",
                             "raw.yml: RAW_REJECTS: basis: Field required"),
    "a blank reason": (RAW, "basis: 来源声明 ingest.rejects", "basis: ' '", "raw.yml: RAW_REJECTS: basis: "),
    "no sentence in Chinese": (RAW, "title: 无法读取的行不超过声明的比例", "title: few rows are unreadable",
                               "raw.yml: RAW_REJECTS: title: Value error, a sentence in Chinese is needed"),
    "a severity that there is not": (RAW, "severity: warn", "severity: fatal", "raw.yml: RAW_REJECTS: severity: "),
    "a key that there is not": (RAW, "  type: loader_count", "  type: loader_count\n  colour: red",
                                "raw.yml: RAW_REJECTS: colour: "),
    "no id": (RAW, "- rule: RAW_REJECTS\n  title", "- title", "raw.yml: entry 1: rule: Field required"),
    "an id used twice": (RAW, "rule: RAW_REJECTS", "rule: EXPOSURE_ADULT",
                         "raw.yml: EXPOSURE_ADULT: rule: the id is used 2 times"),
    "a file that is no YAML": (RAW, "- rule: RAW_REJECTS", "- rule: [", "raw.yml: "),
    "a product's rule without an owner": (
        "expectations/exports/restricted_notice.yml", "  owner: credit_publicity\n", "",
        "restricted_notice.yml: NOTICE_PERSON_MASKED: owner: Field required"),
    "a rule of arrival without a reason": (
        "expectations/arrival.yml", "  basis: 来源声明 ingest.transport：取不到的不当作没有，不据此撤下任何人\n", "",
        "arrival.yml: PROVIDER_UNREACHABLE: basis: Field required"),
    "a row rule without an owner": (ROWS, "没有主键的行无从更正、撤下,data_collection", "没有主键的行无从更正、撤下,",
                                    "reject_rule.csv: KEY_MISSING: owner: Field required"),
    "a row rule of an owner nobody knows": (
        ROWS, "没有主键的行无从更正、撤下,data_collection", "没有主键的行无从更正、撤下,nobody",
        "reject_rule.csv: KEY_MISSING: owner: 'nobody' is not in rule_owner.csv"),
    "a row rule with a field too many": (ROWS, KEY_ROW, f"{KEY_ROW},", "reject_rule.csv: KEY_MISSING: "),
    "a row rule without a severity": (ROWS, KEY_ROW, KEY_ROW.replace("quarantine", ""),
                                      "reject_rule.csv: KEY_MISSING: severity: Field required"),
    "an owner without a Chinese name": ("dbt_project/seeds/rule_owner.csv", "data_collection,数据归集科",
                                        "data_collection,", "rule_owner.csv: data_collection: owner_zh: "),
    "a dbt test without a rule": (INSIDE, "    accepted_values: [credit_item.status]", "    x: [credit_item.status]",
                                  "inside.yml: credit_item.status: accepted_values: stands for no rule"),
    "a dbt test with two rules": (INSIDE, "accepted_values: [credit_item.status]",
                                  "accepted_values: [credit_item.status, item_event.item_action]",
                                  "inside.yml: item_event.item_action: accepted_values: stands for"
                                  " ITEM_MESSAGE_KNOWN, ITEM_STATUS_KNOWN; it has to stand for one"),
    "a rule for a test that there is not": (
        INSIDE, "unique: [subject.subject_id]", "unique: [subject.subject_id, subject.colour]",
        "inside.yml: SUBJECT_ONCE: tests.unique: 'subject.colour' meets no dbt test"),
    "a dbt test that only warns for a rule that stops": (
        "dbt_project/models/core/_core.yml", "{accepted_values: {arguments: {values: [ACTIVE, DELETED, REVOKED]}}}",
        "{accepted_values: {arguments: {values: [ACTIVE, DELETED, REVOKED]}, config: {severity: warn}}}",
        "inside.yml: ITEM_STATUS_KNOWN: severity: stop, but dbt's accepted_values of credit_item.status is configured"
        " to warn"),
    "a dbt test twice on one column": (
        "dbt_project/models/core/_core.yml", "data_tests: [unique, not_null]", "data_tests: [unique, unique, not_null]",
        "inside.yml: court_place.name_zh: unique: declared 2 times"),
    "a row rejected by a rule that nobody declared": (
        "dbt_project/models/staging/tax_arrears/stg_tax_arrears.sql", "'KEY_MISSING:sz'", "'TAX_UNKNOWN:sz'",
        "stg_tax_arrears.sql: TAX_UNKNOWN: rule: rejects rows and is not in reject_rule.csv"),
    "a dbt test of a raw table": (
        "dbt_project/models/staging/tax_arrears/_tax_arrears.yml", "- name: tax_arrears\n        columns:",
        "- name: tax_arrears\n        data_tests: [x]\n        columns:",
        "_tax_arrears.yml: tax_arrears: data_tests: what comes in is checked by the gate raw.yml"),
    "a dbt test in a file of its own": ("dbt_project/tests/assert_all.sql", "", "select 1",
                                        "assert_all.sql: data_tests: state it as a generic test of its model"),
}  # fmt: skip


class TestSlips:
    @pytest.mark.parametrize("slip", SLIPS)
    def test_file_rule_and_field_are_named(self, spoil: Spoil, slip: str) -> None:
        file, old, new, told = SLIPS[slip]
        spoil(file, old, new)
        with pytest.raises(DeclarationError, match=re.escape(told)):
            check_rules(spoil.book())

    def test_every_slip_is_told_at_once(self, spoil: Spoil) -> None:
        for slip in ("no owner", "a row rule without a severity"):
            spoil(*SLIPS[slip][:3])
        with pytest.raises(DeclarationError) as told:
            spoil.book()
        assert [line.split(":")[0] for line in str(told.value).splitlines()] == ["raw.yml", "reject_rule.csv"]

    def test_the_command_fails_on_a_slip(self, spoil: Spoil, monkeypatch: pytest.MonkeyPatch) -> None:
        assert CliRunner().invoke(app, ["check-declarations"]).exit_code == 0
        spoil(*SLIPS["an owner nobody knows"][:3])
        monkeypatch.setattr("credit_warehouse.rules.load_book", spoil.book)
        assert CliRunner().invoke(app, ["check-declarations"]).exit_code == 1
