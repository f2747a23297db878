"""Two homes on one machine at the same time, with no network, and one of them killed on the way."""

from __future__ import annotations

import pytest

import oracle
from credit_warehouse.secrets import token_key
from e2e.homes import held
from e2e.stacks import DAYS, Pair, by_file


def test_both_end_well(pair: Pair) -> None:
    assert pair.status == (0, 0), "\n".join(pair.output)


def test_nothing_of_either_is_left_running(pair: Pair) -> None:
    assert pair.left == set()


def test_a_kill_during_the_build_leaves_no_trace(pair: Pair) -> None:
    """What the second home knows and tells is the truth of its sandbox, whatever happened on the way."""
    home = pair.homes[1]
    with home.inside():
        key = token_key()
    with home.database():
        truth = home.path / "sandbox" / "truth"
        assert oracle.differences(by_file(home), truth, DAYS[0].isoformat(), key) == []
        publications = {item for (item,) in home.rows("select item_id from exports.exposure_publication")}
        directives = {name for (name,) in home.rows("select directive_id from exports.punishment_directive")}
    assert publications and directives
    assert {entry["item_id"] for entry in held(home.path / "exports" / "exposure")} == publications
    punishing = [feed for feed in home.feeds if feed.name.startswith("punishment-")]
    assert {entry["directive_id"] for feed in punishing for entry in held(feed)} == directives


def test_loopback_is_all_the_network_it_needs(pair: Pair) -> None:
    if not pair.closed:
        pytest.skip("this system permits no network namespace (unshare --net)")
    assert [line.split(":")[1].strip() for line in pair.links.splitlines()] == ["lo"]
    assert pair.status == (0, 0), "\n".join(pair.output)
