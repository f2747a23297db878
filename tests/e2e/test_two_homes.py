"""Two homes on one machine at the same time, with no network, and one of them killed on the way."""

from __future__ import annotations

import pytest

from e2e.stacks import Pair
from e2e.test_kills import state


def test_both_end_well(pair: Pair) -> None:
    assert pair.status == (0, 0), "\n".join(pair.output)


def test_nothing_of_either_is_left_running(pair: Pair) -> None:
    assert pair.left == set()


def test_a_kill_during_the_build_leaves_no_trace(pair: Pair) -> None:
    """The same keys and files give the same record and feeds, whatever happened on the way."""
    undisturbed, killed = (state(home) for home in pair.homes)
    assert killed == undisturbed


def test_loopback_is_all_the_network_it_needs(pair: Pair) -> None:
    if not pair.closed:
        pytest.skip("this system permits no network namespace (unshare --net)")
    assert [line.split(":")[1].strip() for line in pair.links.splitlines()] == ["lo"]
    assert pair.status == (0, 0), "\n".join(pair.output)
