"""How well, and at what cost, the warehouse tells who is who: its own SQL on a real database, the truth kept apart.

``python tests/bench/identity.py 1000000`` makes a province (``identity_world.py``), takes so many records of its
registers and courts, lets a build match them, and compares every attribution with whom the court meant.
``python tests/bench/identity.py curve 300000 1000000`` times a day of 10,000 listings against more and more subjects.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from psycopg import sql
from psycopg.rows import dict_row
from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from bench.identity_world import COURT, DIVISIONS, ENTITIES, PERSONS, Item, Names, Row, World
from credit_warehouse import build as builds
from credit_warehouse import transform
from credit_warehouse.build import open_build, run_build
from credit_warehouse.db import connect
from credit_warehouse.likeness import model, propose
from credit_warehouse.preparation import prepare
from credit_warehouse.secrets import token_key
from credit_warehouse.settings import settings
from credit_warehouse.stack import postgres
from credit_warehouse.stack.service import processes

SEED = 20260302
BEFORE_ALL, DAY = date(2017, 5, 1), date(2026, 3, 2)
DAILY = 10_000
SUBJECTS = 1_000_000
"""How many stand to choose from does not change an order."""
# What decides who an item is of, and whether it may leave; the products themselves are another benchmark.
MATCHING = ["+listing_decision", "+identity_review", "+likely_pair"]
WHOLE = {"number of 18 digits", "number of 15 digits", "look-alike name, whole number", "unified code",
         "organisation code"}  # fmt: skip
LINKING = ("orphan_item", "concerned_orphan", "link_candidate", "likely_item", "likely_pair")
# The worst case for a centre: every rule of the second tier in force, everywhere.
T2_ON = (
    "update core.identity_tier set joins_record = true, may_reach_exposure = true, may_reach_directive = true"
    " where tier = 'T2'"
)
ATTRIBUTED = """
select
    listing.listing_id, listing.subject_id, listing.identity_tier, listing.identity_rule,
    decided.exposure_reasons is null or decided.directive_reasons is null as may_leave
from marts.defaulter_listing as listing
inner join exports.listing_decision as decided on listing.item_id = decided.item_id
"""


def main(words: list[str]) -> int:
    """1 when something wrong might have been exported as the warehouse is delivered."""
    with warehouse():
        if words[:1] == ["curve"]:
            return curve([int(word) for word in words[1:]] or [300_000, 1_000_000, 3_000_000, 5_000_000])
        return quality(int(words[0]) if words else 1_000_000)


# ---------- quality


@dataclass
class Counts:
    """What became of the listings of one kind, or of one tier."""

    listings: int = 0
    meant: int = 0
    """Listings of somebody whom a register knows."""
    right: int = 0
    wrong: int = 0
    """Attributed to somebody else who exists: a false merge."""
    nobody: int = 0
    """Attributed to a number that is valid by chance, and nobody's."""

    @property
    def precision(self) -> float:
        """Share of the right ones."""
        return self.right / (self.right + self.wrong + self.nobody)


def quality(records: int) -> int:
    """Print the table of tiers, of kinds and of candidates."""
    begun = time.monotonic()
    # Of a hundred records 45 are people, 15 companies, the rest listings.
    world = World(int(records * 0.45 / 0.8), int(records * 0.15 / 0.8), SEED)
    registers = list(world.registers())
    items = {item.row["id"]: item for item in world.listings(max(records - len(registers), records // 4))}
    say(f"{len(registers) + len(items)} records: {len(registers)} of registers, {len(items)} listings; seed {SEED}")
    names = Counter(person.name for person in world.people)
    shared = sum(count for count in names.values() if count > 1) / len(world.people)
    say(f"commonest name: {names.most_common(1)[0][1] / len(world.people) * 1e4:.1f} of 10,000 people; "
        f"{shared:.0%} of the people share theirs with somebody")  # fmt: skip
    execute(T2_ON)
    # Registers and a few listings first: the planner knows nothing of tables that were never filled.
    said = [item.row for item in items.values()]
    few = len(said) // 50
    accept({COURT: said[:few]} | by_source(registers))
    loaded = time.monotonic()
    built(DAY)
    analyse()
    first = time.monotonic()
    accept({COURT: said[few:]})
    build = built(DAY + timedelta(days=1))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    say(
        f"generated and loaded in {loaded - begun:.0f} s; registers and {few} listings taken in in"
        f" {first - loaded:.0f} s; {len(said) - few} listings matched and decided in {time.monotonic() - first:.0f} s,"
        f" of it the model {proposing.seconds:.0f} s; {memory:.1f} GB at most in this process"
    )
    slowest(build)
    leaves = tiers(items, {token(one.token_of) for one in (*world.people, *world.units)})
    candidates(items)
    return int(leaves > 0)


def tiers(items: dict[str, Item], everybody: set[str]) -> int:
    """Precision and recall by tier, then by what the court wrote; the false merges that may leave as delivered."""
    by_tier: dict[str, Counts] = defaultdict(Counts)
    by_kind: dict[str, Counts] = defaultdict(Counts)
    leaving: dict[str, int] = Counter()
    wrong_leaving: dict[str, int] = Counter()
    # What each tier could have found: whole numbers; of the rest, those of subjects that some register knows.
    whole = sum(item.kind in WHOLE for item in items.values())
    known = sum(item.subject.is_known and item.kind not in WHOLE for item in items.values())
    tokens = {listing: token(item.subject.token_of) for listing, item in items.items()}
    for listing, subject, tier, rule, may_leave in rows(ATTRIBUTED):
        kind = by_kind[items[listing].kind]
        kind.listings += 1
        kind.meant += items[listing].subject.is_known
        if subject is None:
            continue
        is_right = subject == tokens[listing]
        is_wrong = not is_right and subject in everybody
        for found in (kind, by_tier[tier], by_tier[rule] if rule else Counts()):
            found.right += is_right
            found.wrong += is_wrong
            found.nobody += not is_right and not is_wrong
        leaving[tier] += may_leave
        wrong_leaving[tier] += may_leave and is_wrong
    say("\n| tier | right | another's | nobody's | precision | recall | may leave | of those another's |")
    say("|---|---:|---:|---:|---:|---:|---:|---:|")
    for tier in sorted(by_tier):
        found = by_tier[tier]
        left = f"{leaving[tier]} | {wrong_leaving[tier]}" if len(tier) == 2 else " | "
        say(f"| {tier} | {found.right} | {found.wrong} | {found.nobody} | {found.precision:.6f} | "
            f"{found.right / (whole if tier == 'T1' else known):.3f} | {left} |")  # fmt: skip
    say("\n| what the court wrote | listings | of known subjects | right | another's | nobody's |")
    say("|---|---:|---:|---:|---:|---:|")
    for name, found in sorted(by_kind.items()):
        say(f"| {name} | {found.listings} | {found.meant} | {found.right} | {found.wrong} | {found.nobody} |")
    # As delivered T2 reaches nothing: what may leave is T1 alone.
    return wrong_leaving["T1"]


def candidates(items: dict[str, Item]) -> None:
    """Candidates for a reviewer: how many, how often right, and how they rank beside plain comparisons of names."""
    say("\n| candidates | items | pairs | of them right | items whose right subject is among them |")
    say("|---|---:|---:|---:|---:|")
    pairs = rows("select rule_code, item_id, subject_id from core.open_candidate")
    of_item = {token(f"{COURT}:{listing}"): item for listing, item in items.items()}
    tokens = {item_id: token(item.subject.token_of) for item_id, item in of_item.items()}
    by_rule: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for rule, item_id, subject in pairs:
        by_rule[rule].append((item_id, subject))
    for rule, found in sorted(by_rule.items()):
        right = {item_id for item_id, subject in found if tokens.get(item_id) == subject}
        say(f"| {rule} | {len({item_id for item_id, _ in found})} | {len(found)} | {len(right) / len(found):.3f} | "
            f"{len(right)} |")  # fmt: skip
    say("\n| pairs that share a key, unsettled | pairs | right | model | Jaro-Winkler | ratio "
        "| Jaro-Winkler ≥ 0.90 accepts of the wrong |")  # fmt: skip
    say("|---|---:|---:|---:|---:|---:|---:|")
    for kind in ("organisation", "person"):
        with connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
            of_kind = cursor.execute(propose.PAIRS, [kind]).fetchall()
        names = [(row["item_name"], row["subject_name"]) for row in of_kind]
        truth = [tokens.get(row["item_id"]) == row["subject_id"] for row in of_kind]
        scores: dict[str, list[float]] = {
            "model": [weight for weight, _ in model.scores(kind, of_kind, SUBJECTS)],
            "jaro": [JaroWinkler.similarity(*both) for both in names],
            "ratio": [fuzz.ratio(*both) for both in names],
        }
        wrong = [score for score, right in zip(scores["jaro"], truth, strict=True) if not right]
        accepted = sum(score >= 0.9 for score in wrong) / len(wrong) if wrong else 0.0
        areas = " | ".join(f"{area(found, truth):.3f}" for found in scores.values())
        say(f"| {kind} | {len(of_kind)} | {sum(truth)} | {areas} | {accepted:.0%} |")


def area(scores: list[float], truth: list[bool]) -> float:
    """Area under the curve: how often a right pair stands above a wrong one, ties counted half."""
    ordered = sorted(zip(scores, truth, strict=True))
    right, wrong = sum(truth), len(truth) - sum(truth)
    if not right or not wrong:
        return float("nan")
    won = below = place = 0.0
    while place < len(ordered):
        end = int(place)
        while end < len(ordered) and ordered[end][0] == ordered[int(place)][0]:
            end += 1
        tied = [is_right for _, is_right in ordered[int(place) : end]]
        won += sum(tied) * (below + (len(tied) - sum(tied)) / 2)
        below += len(tied) - sum(tied)
        place = end
    return won / (right * wrong)


# ---------- cost


def curve(sizes: list[int]) -> int:
    """Time a day of the same size against more and more subjects."""
    world = World(20_000, 8_000, SEED)
    accept({COURT: [item.row for item in world.listings(1_000)]} | by_source(world.registers()))
    built(DAY)
    analyse()
    say("| subjects | rows of the day | linking, s | candidates of the model, s | whole build, s | beside the first |")
    say("|---:|---:|---:|---:|---:|---:|")
    first = 0.0
    for number, size in enumerate(sizes):
        populate(size)
        prefix = str(number + 1)
        accept({COURT: [item.row for item in world.listings(DAILY, prefix)]})
        begun = time.monotonic()
        build = built(date(2026, 3, 3 + number))
        whole = time.monotonic() - begun
        query = "select split_part(unique_id, '.', 3), seconds from audit.dbt_result where build_id = %s"
        seconds = dict(rows(query, [build]))
        linking = sum(seconds.get(name, 0.0) for name in LINKING)
        scoring = proposing.seconds
        first = first or linking + scoring
        ((subjects,),) = rows("select count(*) from core.subject")
        beside = (linking + scoring) / first
        say(f"| {subjects} | {DAILY} | {linking:.1f} | {scoring:.1f} | {whole:.0f} | {beside:.2f} |")
    return 0


def populate(size: int) -> None:
    """Fill the tables of subjects up to ``size`` people and companies, as builds of many years would have."""
    ((known,),) = rows("select count(*) from core.subject")
    rng = random.Random(f"{SEED}/{size}")
    missing = size - known
    companies = missing // 4
    with connect() as connection:
        connection.execute(
            "create temp table crowd (no bigint, name text, shown text, kind text, rep text) on commit drop"
        )
        people = Names().many(rng, missing - companies)
        with connection.cursor().copy("copy crowd from stdin") as copy:
            for number, name in enumerate(people):
                year, tail = rng.randint(1945, 2003), rng.randint(0, 9999)
                copy.write_row((known + number, name, f"{rng.choice(DIVISIONS)}{year}****{tail:04d}", "person", None))
        world = World(2_000, companies, size)
        with connection.cursor().copy("copy crowd from stdin") as copy:
            for number, unit in enumerate(world.units):
                copy.write_row((known + len(people) + number, unit.name, unit.number, "organisation",
                                unit.representative))  # fmt: skip
        for statement in CROWD:
            connection.execute(statement.encode())
    with connect(autocommit=True) as connection:
        connection.execute("vacuum analyze")


CROWD = (
    "insert into core.subject (subject_id, subject_kind, first_effective_at, recorded_at)"
    " select md5(no::text), kind, now(), now() from crowd",
    "insert into core.subject_identifier (subject_id, identifier_shown, identifier_type, identifier_verdict,"
    " first_source, recorded_at) select md5(no::text), shown,"
    " case kind when 'person' then 'resident_id' else 'uscc' end, 'VALID', 'registry_persons', now() from crowd",
    "insert into core.subject_name (subject_id, name_key, subject_name, first_said_at, last_said_at,"
    " said_elsewhere_at, first_build_id, number_shown) select md5(no::text), name, name, now(), now(), now(), 1,"
    " case kind when 'person' then shown else '' end from crowd",
    "insert into core.subject_registration (subject_id, registration_number, representative_key, division_code,"
    " first_build_id) select md5(no::text), null, rep, substr(shown, 3, 6), 1 from crowd where kind = 'organisation'",
    "insert into core.name_variant (subject_id, name_key, variants) select md5(no::text), name,"
    " staging.name_variants(name) from crowd where kind = 'organisation'",
)


# ---------- the warehouse


class Proposing:
    """The step after the models of a build, timed."""

    seconds = 0.0

    def __call__(self, build_id: int) -> int:
        begun = time.monotonic()
        written = propose.propose(build_id)
        self.seconds = time.monotonic() - begun
        return written


proposing = Proposing()


@contextmanager
def warehouse() -> Iterator[None]:
    """An embedded server in a folder of its own, prepared and built once while empty."""
    # Whoever ends the benchmark ends its server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WAREHOUSE_HOME"] = str(Path(folder) / "home")
        settings.cache_clear()
        transform.LAYERS = MATCHING
        transform.BUILD = [*transform.BUILD, "test"]
        builds.propose = proposing
        family = processes()
        postgres.start(family)
        try:
            prepare()
            built(BEFORE_ALL)
            yield
        finally:
            postgres.stop(family)


def built(day: date) -> int:
    """A build of the day; a failure ends the benchmark."""
    build = open_build(day)
    assert build is not None
    run_build(build)
    return build


def accept(deliveries: dict[str, list[Row]]) -> None:
    """Rows as the loader leaves them, accepted. What a file has to go through before is another benchmark."""
    with connect() as connection:
        for source, found in deliveries.items():
            batch = connection.execute(
                "insert into audit.batch (source, file_name, sha256, bytes, mode, business_date, status, rows_in,"
                " rows_loaded) values (%s, 'bench', %s, 1, 'delta', %s, 'accepted', %s, %s) returning batch_id",
                [source, os.urandom(32).hex(), DAY, len(found), len(found)],
            ).fetchone()
            assert batch
            columns = sorted({name for row in found for name in row})
            statement = sql.SQL("copy raw.{} (_batch_id, {}) from stdin").format(
                sql.Identifier(source), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with connection.cursor().copy(statement) as copy:
                for row in found:
                    values = (row.get(name) for name in columns)
                    copy.write_row((batch[0], *(None if value is None else str(value) for value in values)))
    analyse()


def analyse() -> None:
    """What the database does by itself within a minute."""
    with connect(autocommit=True) as connection:
        connection.execute("analyze")


def by_source(registers: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    """Rows by source."""
    found: dict[str, list[Row]] = {ENTITIES: [], PERSONS: []}
    for source, row in registers:
        found[source].append(row)
    return found


def rows(query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows of a query."""
    with connect() as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def execute(statement: str) -> None:
    """Change something."""
    with connect() as connection:
        connection.execute(statement.encode())


def slowest(build: int) -> None:
    """Where the time of a build went."""
    found = rows("select split_part(unique_id, '.', 3), round(seconds::numeric, 1) from audit.dbt_result"
                 " where build_id = %s order by seconds desc limit 8", [build])  # fmt: skip
    say("slowest: " + ", ".join(f"{name} {seconds} s" for name, seconds in found))


def token(text: str) -> str:
    """A token, made beside the database and not by it."""
    return hmac.new(token_key(), text.encode(), hashlib.sha256).hexdigest()[:32]


def say(text: str) -> None:
    """One line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
