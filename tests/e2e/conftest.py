"""Stacks for the end-to-end tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import oracle
from copies import copy_home, make_ready_for_airflow, template
from credit_warehouse.secrets import secret
from e2e.homes import Home
from e2e.stacks import BOTH, DAYS, Line, Pair, by_file, home_like, play

HERE = Path(__file__).parent
SUBJECTS = 600
# As root, or as anyone where the kernel lets users have namespaces.
NAMESPACES = (["unshare", "--net"], ["unshare", "--map-current-user", "--keep-caps", "--net"])


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    # The running stack comes last: the others start their own, and two cores are enough for one at a time.
    mine = [position for position, item in enumerate(items) if item.path.parent == HERE]
    ordered = sorted((items[position] for position in mine), key=lambda item: "line" in item.fixturenames)
    for position, item in zip(mine, ordered, strict=True):
        items[position] = item


@pytest.fixture(scope="package")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that is made ready once, because that takes longer than a day: the others begin as its copies.

    From nothing start test_stack.py and ``make run`` of the matrix of kills.
    """
    home = Home(tmp_path_factory.mktemp("prepared") / "home")
    copy_home(template(tmp_path_factory), home.path)
    make_ready_for_airflow(home.path)
    return home


@pytest.fixture(scope="package")
def line(prepared: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """See Line."""
    folder = tmp_path_factory.mktemp("line")
    home = home_like(prepared, folder / "home")
    try:
        begun = home.run("start", "--sandbox", "--subjects", str(SUBJECTS), "--days", str(len(DAYS)))
        assert begun.returncode == 0, begun.stdout
        seen = Line(home, truth=home.path / "sandbox" / "truth", exports=folder / "exports")
        for business_date in DAYS:
            seen.results.append(play(home, business_date))
            seen.differences[business_date] = oracle.differences(
                by_file(home), seen.truth, business_date.isoformat(), seen.key()
            )
        seen.first_pass = home.checksums()
        shutil.copytree(home.path / "exports", seen.exports)
        seen.repeated = [play(home, DAYS[0])]
        seen.second_pass = home.checksums()
        yield seen
    finally:
        ended = home.run("stop")
    assert ended.returncode == 0, ended.stdout
    assert home.processes() == set()


@pytest.fixture(scope="package")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Secrets that make two homes comparable: the keys of tokens and vault, no password."""
    home = Home(tmp_path_factory.mktemp("keys") / "home")
    with home.inside():
        for name in ("token_key", "vault_key"):
            secret(name)
    return home.path / "secrets"


@pytest.fixture(scope="package")
def pair(prepared: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """See Pair. Where the system permits, both run in one network namespace that has nothing but loopback."""
    folder = tmp_path_factory.mktemp("pair")
    homes = tuple(home_like(prepared, folder / name) for name in BOTH)
    prefix = next(filter(_permitted, NAMESPACES), None)
    environment = homes[0].environment()
    del environment["WAREHOUSE_HOME"]
    mode = "closed" if prefix else "open"
    command = [*(prefix or []), sys.executable, str(HERE / "side_by_side.py"), mode]
    try:
        subprocess.run(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, check=True)
        left = {" ".join(process.cmdline()) for home in homes for process in home.processes()}
        yield Pair(
            homes,
            status=tuple(int(home.path.with_name(f"{home.path.name}.status").read_text()) for home in homes),
            output=tuple(home.path.with_name(f"{home.path.name}.out").read_text() for home in homes),
            closed=bool(prefix),
            links=(folder / "links").read_text() if prefix else "",
            left=left,
        )
    finally:
        for home in homes:
            home.kill()


def _permitted(prefix: list[str]) -> bool:
    if not all(map(shutil.which, ("unshare", "ip"))):
        return False
    probe = [*prefix, "ip", "link", "set", "lo", "up"]
    return subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
