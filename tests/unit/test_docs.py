"""What the documents name has to exist: commands, options, targets, paths, settings, tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.core
import typer.main

from credit_warehouse.cli import app
from credit_warehouse.declarations import load_sources
from credit_warehouse.settings import PROJECT_ROOT, Settings

PAGES = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CHANGELOG.md", *sorted((PROJECT_ROOT / "docs").rglob("*.md"))]
TOP_LEVEL = "dags|dbt_project|expectations|plugins|tests|docs|docker"
COMMANDS = typer.main.get_group(app)
ids = [str(page.relative_to(PROJECT_ROOT)) for page in PAGES]


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code(page: Path) -> str:
    """What stands between backticks or in code blocks."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text(page), re.DOTALL))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_and_options_exist(page: Path) -> None:
    for name, rest in re.findall(r"credit-warehouse (?!simulate`,)([a-z][a-z-]+)([^`\n|#]*)", code(page)):
        assert name in COMMANDS.commands, f"{page.name}: credit-warehouse {name}"
        command = COMMANDS.commands[name]
        words = rest.split()
        while isinstance(command, typer.core.TyperGroup):
            inner = words.pop(0)
            assert inner in command.commands, f"{page.name}: credit-warehouse {name} {inner}"
            command = command.commands[inner]
        known = {option for parameter in command.params for option in parameter.opts}
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in known, f"{page.name}: credit-warehouse {name} {option}"


def test_every_command_is_documented() -> None:
    operations = text(PROJECT_ROOT / "docs" / "operations.md")
    assert [name for name in COMMANDS.commands if f"credit-warehouse {name}" not in operations] == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_make_targets_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", text(PROJECT_ROOT / "Makefile"), re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z]+)\b", code(page), re.MULTILINE)
    assert set(named) <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_paths_and_links_exist(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?://|#)([^)#]+)[^)]*\)", text(page)):
        assert (page.parent / link).exists(), f"{page.name}: {link}"
    for path in re.findall(rf"`((?:{TOP_LEVEL})/[^`\s<>*{{}}]*)`", text(page)):
        if "penalty_decisions" not in path:  # the worked example
            assert (PROJECT_ROOT / path).exists(), f"{page.name}: {path}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_settings_exist(page: Path) -> None:
    known = {f"WAREHOUSE_{name.upper()}" for name in Settings.model_fields}
    compose = {"WAREHOUSE_DSN_FILE", "WAREHOUSE_TOKEN_KEY_FILE", "WAREHOUSE_VAULT_KEY_FILE", "WAREHOUSE_FEED_KEY_FILE"}
    named = set(re.findall(r"(?<!DBT_)(?<!SECRET_)\bWAREHOUSE_[A-Z_]+[A-Z]\b", code(page)))
    assert named - known - compose == set(), page.name


def test_every_setting_is_documented() -> None:
    page = text(PROJECT_ROOT / "docs" / "settings.md")
    assert [name for name in Settings.model_fields if f"WAREHOUSE_{name.upper()}" not in page] == []


def test_tables_of_the_dictionary_exist() -> None:
    models = {
        f"{path.parent.name}.{path.stem}"
        for path in (PROJECT_ROOT / "dbt_project" / "models").rglob("*.sql")
        if path.parent.parent.name == "models"
    }
    past = {f"marts.{path.stem}" for path in (PROJECT_ROOT / "dbt_project" / "functions" / "as_known").glob("*.sql")}
    seeds = {f"core.{path.stem}" for path in (PROJECT_ROOT / "dbt_project" / "seeds").glob("*.csv")}
    migrations = "\n".join(
        text(path) for path in (PROJECT_ROOT / "plugins" / "credit_warehouse" / "migrations").glob("*.sql")
    )
    created = set(re.findall(r"create (?:table|view|function|procedure) (\w+\.\w+)", migrations))
    raw = {f"raw.{source.name}" for source in load_sources()}
    for page in PAGES:
        named = set(re.findall(r"\b((?:core|marts|exports|audit|vault)\.(?!py\b)[a-z_]+)\b", text(page)))
        unknown = named - models - past - seeds - created - raw
        assert unknown == set(), f"{page.name}: {sorted(unknown)}"


def test_every_source_has_two_files() -> None:
    for source in load_sources():
        assert sorted(path.name for path in source.path.parent.iterdir()) == [
            f"_{source.name}.yml",
            f"stg_{source.name}.sql",
        ]
