"""A stack that runs, and beside it a home that is killed during its first build and started again.

A program of its own, because the fixture ``pair`` runs it where there is no network but loopback.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from e2e.homes import Home
from e2e.stacks import BOTH, FEW
from e2e.test_kills import BUILDING, kill_and_repeat


def main(mode: str) -> None:
    """Leave the exit status and the output of each home beside it, and in ``links`` what network there was.

    The homes are in the current folder: a command line that named them would be killed with them.
    """
    if mode == "closed":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        links = subprocess.run(["ip", "-o", "link", "show", "up"], check=True, capture_output=True)
        Path("links").write_bytes(links.stdout)
    standing, killed = (Home(Path.cwd() / name) for name in BOTH)
    begun = standing.run("start")
    repeated = kill_and_repeat(killed, FEW, BUILDING)
    # Neither the kill beside it nor the second start has touched the first.
    asked = standing.run("status")
    ended = standing.run("stop")
    outcomes = {standing: [begun, asked, ended], killed: [repeated]}
    for home, done in outcomes.items():
        home.path.with_name(f"{home.path.name}.out").write_text("".join(each.stdout for each in done))
        home.path.with_name(f"{home.path.name}.status").write_text(str(max(each.returncode for each in done)))


if __name__ == "__main__":
    main(*sys.argv[1:])
