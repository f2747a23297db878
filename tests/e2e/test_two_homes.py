"""Two homes on one machine, at the same time, and with no network."""

from __future__ import annotations

import pytest

from e2e.stacks import Pair
from e2e.test_kills import state


def test_both_end_well(pair: Pair) -> None:
    assert pair.status == (0, 0), "\n".join(pair.output)


def test_nothing_of_either_is_left_running(pair: Pair) -> None:
    assert pair.left == set()


def test_the_same_keys_and_files_give_the_same_record_and_feeds(pair: Pair) -> None:
    first, second = (state(home) for home in pair.homes)
    assert first == second


def test_loopback_is_all_the_network_it_needs(pair: Pair) -> None:
    if not pair.closed:
        pytest.skip("this system permits no network namespace (unshare --net)")
    assert [line.split(":")[1].strip() for line in pair.links.splitlines()] == ["lo"]
    assert pair.status == (0, 0), "\n".join(pair.output)
