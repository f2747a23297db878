"""A year of departments that take their feeds on bad roads: on every day each copy is what the warehouse means.

Real feed files and the real consumer. What should be held is counted by the test itself, line by line with the peer of
tests/feed_peer.py, and never asked of the publisher.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from credit_warehouse.export import feed, keys
from credit_warehouse.export.products import PRODUCTS
from credit_warehouse.feed_consumer import Copy, FeedRefused
from credit_warehouse.feed_home import FolderSource, Home
from feed_peer import MODULUS, line_of, number_of, public_of

DIRECTIVE = next(product for product in PRODUCTS if product.name == "punishment_directive")
FIRST = date(2026, 1, 1)
MONTH = 30
WORDS = ("甲\u2028乙", 'a "quoted" \\ word', "𠮷野", "=1+1", "tab\there", "é́", "长" * 200)
Spoil = Callable[[bytes], bytes]


class Courier(FolderSource):
    """The road between centre and department: loses, changes and repeats."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lost: set[str] = set()
        self.changed: dict[str, Spoil] = {}
        self.repeated: dict[str, str] = {}

    def save(self, name: str, path: Path) -> bool:
        if any(name == lost or name.startswith(f"{lost}/") for lost in self.lost):
            return False
        if not super().save(self.repeated.get(name, name), path):
            return False
        if name in self.changed:
            path.write_bytes(self.changed[name](path.read_bytes()))
        return True


@dataclass(eq=False)
class Department:
    """A recipient: what it should hold, its copy, and until when it is away."""

    code: str
    home: Home
    held: dict[str, bytes] = field(default_factory=dict)
    total: int = 0
    back_on: int = 0
    gone: set[str] = field(default_factory=set)
    """Deliveries that will never reach it."""
    told: list[tuple[str, str]] = field(default_factory=list)
    """What it has to be told of links: SPLIT or MERGE, and the item."""
    began_again: bool = False
    """After a gap that nobody could fill: what was told in between is lost."""

    @property
    def feed(self) -> str:
        return f"punishment-{self.code}"

    def put(self, name: str, line: bytes | None) -> None:
        before = self.held.pop(name, None)
        if before is not None:
            self.total -= number_of(before)
        if line is not None:
            self.held[name] = line
            self.total += number_of(line)

    @property
    def set_hash(self) -> str:
        return hashlib.sha256((self.total % MODULUS).to_bytes(512, "big")).hexdigest()


class Centre:
    """The product, changed from day to day and sent; keeps for each department what it is told."""

    def __init__(self, warehouse: Any, departments: int, seed: int) -> None:
        self.warehouse, self.rng, self.count = warehouse, random.Random(seed), 0
        self.exports = warehouse.home / "exports"
        folder = warehouse.home.parent / "departments"
        self.departments = [
            Department(f"d{n:03d}", Home(folder / f"d{n:03d}")) for n in range(departments)
        ]  # fmt: skip
        self.persons: dict[str, list[dict[str, Any]]] = {}
        self.linked: dict[str, list[dict[str, Any]]] = {}
        """Item -> the entries that left on the strength of a link that stands, whether or not they hold still."""
        # The record behind the ledger is not played here; its own rules are those of other tests.
        warehouse.execute("alter table core.subject_link disable trigger only_orphans")

    def day(self, number: int) -> None:
        """News of a day: some come, some change, some leave with the build and some before it."""
        day = FIRST + timedelta(days=number)
        leaving = self._draw(self.rng.randint(0, 2)) if number else []
        removed, mistaken = leaving[:1], sorted(self.linked.keys() - set(leaving[:1]))[:1] if number % 3 == 0 else []
        leaving = [item for item in leaving if item not in mistaken]
        changed = self._draw(self.rng.randint(0, 2), *leaving, *mistaken)
        for item in removed:
            self._withdraw(item, day, "WITHDRAWN")
        for item in mistaken:
            self._unlink(item, day)
        for item in leaving[1:]:
            self._tell(item, [])
        for item in changed:
            for entry in self.persons[item]:
                entry["is_contested"] = not entry["is_contested"]
            self._tell(item, self.persons[item])
        # On the first day everybody is told of somebody: a feed begins with its first entry.
        for sure in [[department] for department in self.departments] if number == 0 else [[]] * self.rng.randint(0, 3):
            item, entries = self._person(day, *sure)
            if number and self.rng.random() < 0.5:
                self._link(item, entries)
            self._tell(item, entries)
        ((build,),) = self.warehouse.rows(
            "insert into audit.build (business_date, status) values (%s, 'succeeded') returning build_id", [day]
        )
        feed.write(DIRECTIVE, build, additions=True)
        self.warehouse.execute("truncate exports.unsent_item")

    def rotate(self) -> str:
        following, _ = keys.rotate(timedelta(days=7))
        # A week passes.
        self.warehouse.execute(
            "update audit.feed_key set in_use_from = clock_timestamp() where key_id = %s", [following]
        )
        return following

    def newest(self, department: Department) -> int:
        manifest: dict[str, Any] = json.loads((self.exports / department.feed / "latest.json").read_bytes())
        return int(manifest["sequence"])

    def _draw(self, count: int, *but: str) -> list[str]:
        return self.rng.sample(sorted(self.persons.keys() - set(but)), count) if len(self.persons) > count else []

    def _person(self, day: date, *sure: Department) -> tuple[str, list[dict[str, Any]]]:
        self.count += 1
        item = hashlib.md5(f"item {self.count}".encode()).hexdigest()
        others = [department for department in self.departments if department not in sure]
        told = [*sure, *self.rng.sample(others, min(len(others), self.rng.randint(1, 6)))]
        return item, [
            {
                "directive_id": hashlib.md5(f"{item}{department.code}".encode()).hexdigest(), "item_id": item,
                "subject_id": f"s{self.count}", "subject_kind": "person",
                "subject_name": f"试{self.count}{self.rng.choice(WORDS)}",
                "identifier_shown": f"6601011985****{self.count:04d}", "identity_tier": "T1", "measure_code": "M",
                "measure_zh": "限制", "effect_type": "RESTRICT", "department_code": department.code,
                "department": "示例局", "legal_basis": "示例意见", "reason_zh": None, "since": str(day), "until": None,
                "awaits_court_confirmation": False, "is_contested": False, "related_role": None, "related_unit": None,
                "court_order": None, "is_retained": False,
            }
            for department in told
        ]  # fmt: skip

    def _tell(self, item: str, entries: list[dict[str, Any]]) -> None:
        """The build says so of a person now."""
        by_code = {department.code: department for department in self.departments}
        for entry in [*self.persons.get(item, []), *entries]:
            by_code[entry["department_code"]].put(entry["directive_id"], None)
        for entry in entries:
            by_code[entry["department_code"]].put(entry["directive_id"], line_of(entry))
        self.persons[item] = entries
        if not entries:
            del self.persons[item]
        self.warehouse.execute("delete from exports.punishment_directive where item_id = %s", [item])
        self.warehouse.execute(
            "insert into exports.punishment_directive select * from"
            " jsonb_populate_recordset(null::exports.punishment_directive, %s::jsonb)", [json.dumps(entries)],
        )  # fmt: skip
        self.warehouse.execute("insert into exports.unsent_item values (%s, 1) on conflict do nothing", [item])

    def _link(self, item: str, entries: list[dict[str, Any]]) -> None:
        """A rule takes the item for somebody: its entries rest on that."""
        self.linked[item] = entries
        self._word("LINK", item)
        for entry in entries:
            entry["identity_tier"] = "T2"
        self._note("MERGE", item, entries)

    def _unlink(self, item: str, day: date) -> None:
        self._word("UNLINK", item)
        self._note("SPLIT", item, self.linked.pop(item))
        # Where the entries have ended before, the next delivery tells it all the same.
        if item in self.persons:
            self._withdraw(item, day, "NO_VALID_IDENTIFIER")

    def _note(self, op: str, item: str, entries: list[dict[str, Any]]) -> None:
        by_code = {department.code: department for department in self.departments}
        for entry in entries:
            by_code[entry["department_code"]].told.append((op, item))

    def _word(self, action: str, item: str) -> None:
        self.warehouse.execute(
            "insert into core.subject_link (item_id, subject_id, action, tier, rule_code, rule_version, evidence,"
            " basis, decided_by) values (%s, %s, %s, 'T2', 'T2_PERSON_SEX_AGE', '1', %s, 'x', 'rule')",
            [item, self.linked[item][0]["subject_id"], action, Jsonb([{"field": "号码", "agrees": True}])],
        )

    def _withdraw(self, item: str, day: date, reason: str) -> None:
        """The removal lane takes a person out at once, in a delivery of its own."""
        self._tell(item, [])
        ((removal,),) = self.warehouse.rows(
            "insert into exports.removal (item_id, reason, effective_at, received_at) values"
            " (%s, %s, %s, now()) returning removal_id", [item, reason, day],
        )  # fmt: skip
        feed.withdraw([removal], day)


def restored(road: Courier, department: Department, begin: bytes | None) -> list[int]:
    """After whatever happened on the way: the department asks again, and the road is good."""
    road.lost, road.changed, road.repeated = set(), {}, {}
    return department.home.pull(road, department.feed, begin).taken


TURNS = ["good", "lost", "good", "good", "changed", "good", "good", "repeated", "good", "good"]


def fortune(rng: random.Random, number: int, place: int) -> str:
    """Everybody has every bad day in turn, and now and then one that nobody foresaw."""
    rare = rng.choices(["", "lost for good", "away"], [98, 1, 1])[0]
    return rare or TURNS[(3 * number + place) % len(TURNS)]


def refused(road: Courier, department: Department) -> str:
    with pytest.raises(FeedRefused) as found:
        department.home.pull(road, department.feed)
    return found.value.rule


@pytest.mark.parametrize(
    ("departments", "days"),
    [
        pytest.param(6, 12, id="a few"),
        pytest.param(100, 40, id="forty days", marks=pytest.mark.matrix),
        pytest.param(100, 365, id="a year", marks=pytest.mark.matrix),
    ],
)
def test_every_copy_is_what_the_warehouse_means_on_every_day(warehouse: Any, departments: int, days: int) -> None:
    centre, rng, seen = Centre(warehouse, departments, seed=days), random.Random(departments), Counter[str]()
    month = min(MONTH, days // 2)
    # One is away for a month through the rotation of the key, one loses a delivery for good, the others as it comes.
    traveller, unlucky = centre.departments[0], centre.departments[1]
    for number in range(days):
        if number == days // 2:
            following = centre.rotate()
        if number == max(days // 2 - month // 2, 1):
            traveller.back_on = number + month
        centre.day(number)
        for place, department in enumerate(centre.departments):
            road, name = Courier(centre.exports), department.feed
            newest = centre.newest(department)
            step = f"{name}/{newest:08d}"
            manifest = json.loads((centre.exports / step / "manifest.json").read_bytes())
            assert manifest["set_hash"] == department.set_hash, "what is sent is not what is meant"
            begin = None
            if name not in department.home.feeds():
                begin = public_of(centre.exports / "keys" / f"{manifest['key_id']}.pub")
                department.home.pull(road, name, begin)
                assert_same(department)
                continue
            if number < department.back_on:
                seen["away"] += 1
                continue
            returns = department.back_on == number
            before = standing(department)
            if department.gone:
                road.lost = set(department.gone)
                assert refused(road, department) == "GAP"
                assert department.home.pull(road, name, resync=True).anew == newest
                department.gone.clear()
                department.began_again = True
                seen["lost for good"] += 1
                assert_same(department)
                continue
            spare = returns or before.sequence != newest - 1
            what = "good" if spare else fortune(rng, number, place)
            if department is unlucky and number == 5:
                what = "lost for good"
            if what == "lost":
                road.lost = {step}
                assert refused(road, department) == "GAP"
            elif what == "changed":
                file = rng.choice(["manifest.json", "manifest.sig", "full.jsonl"])
                road.changed = {f"{step}/{file}": flip(rng)}
                assert refused(road, department) in {"FORMAT", "FILE", "SIGNATURE", "KEY", "MISPLACED", "GAP", "CHAIN"}
            elif what == "repeated" and newest > 4:
                # An old disk: the source shows what was there four deliveries ago.
                road.repeated = {f"{name}/latest.json": f"{name}/{newest - 4:08d}/manifest.json"}
                assert refused(road, department) == "REPLAY"
            elif what == "lost for good":
                # Nobody can fill the gap any more: tomorrow's full set begins again.
                department.gone = {step}
                continue
            elif what == "away":
                department.back_on = number + rng.randint(2, 5)
                continue
            if what != "good":
                assert standing(department) == before, "nothing of a refused delivery stays"
            taken = restored(road, department, None)
            assert taken == list(range(before.sequence + 1, newest + 1))
            seen[what] += 1
            seen["a month at once"] += returns and department is traveller and len(taken) >= month
            assert_same(department)
    for department in centre.departments:
        # Whoever is still away on the last day comes home.
        department.home.pull(Courier(centre.exports), department.feed)
        assert_same(department)
        assert standing(department).key_id == following
    expected = {"good", "lost", "lost for good", "changed", "repeated", "away", "a month at once"}
    assert expected <= {what for what, times in seen.items() if times}, seen
    # What is held at the end is held entry by entry, not only by its hash.
    for department in centre.departments:
        with department.home.copy(department.feed) as copy:
            assert {entry["directive_id"]: line_of(entry) for entry in copy.entries()} == department.held
            told = [(event.op, event.item) for event in copy.events()]
            # Of one delivery splits come first, and merges in no order that means anything.
            assert Counter(told) == Counter(department.told) or department.began_again
            assert set(told) <= set(department.told)
            seen.update(op for op, _ in told)
    assert seen["SPLIT"] and seen["MERGE"]


def standing(department: Department) -> Any:
    with department.home.copy(department.feed) as copy:
        return copy.standing()


def assert_same(department: Department) -> None:
    held = standing(department)
    assert (held.set_hash, held.total) == (department.set_hash, len(department.held)), department.code


def flip(rng: random.Random) -> Spoil:
    def spoil(content: bytes) -> bytes:
        if not content:
            return b"\n"
        place = rng.randrange(len(content))
        return content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :]

    return spoil


# ---------- a byte in each field


@pytest.fixture(scope="module")
def delivered(shared_warehouse: Any) -> tuple[Path, Path, bytes]:
    """The folder of a real feed, its third delivery with an addition that rests on a link, an update and a removal."""
    centre = Centre(shared_warehouse, 1, seed=1)
    centre.day(0)
    for _ in range(3):
        centre._tell(*centre._person(FIRST))
    write(centre)
    first, second, *_ = sorted(centre.persons)
    centre._tell(first, [])
    for entry in centre.persons[second]:
        entry["reason_zh"] = "更正"
    centre._tell(second, centre.persons[second])
    item, entries = centre._person(FIRST)
    centre._link(item, entries)
    centre._tell(item, entries)
    write(centre)
    folder = centre.exports / "punishment-d000"
    manifest = json.loads((folder / "00000003" / "manifest.json").read_bytes())
    assert manifest["counts"] == {
        "added": 1, "updated": 1, "removed": 1, "total": 4, "split": 0, "merged": 1,
    }  # fmt: skip
    return folder, folder.parent / "keys", public_of(folder.parent / "keys" / f"{manifest['key_id']}.pub")


def write(centre: Centre) -> None:
    ((build,),) = centre.warehouse.rows(
        "insert into audit.build (business_date, status) values (%s, 'succeeded') returning build_id", [FIRST]
    )
    feed.write(DIRECTIVE, build, additions=True)
    centre.warehouse.execute("truncate exports.unsent_item")


def places(content: bytes) -> dict[str, int]:
    """Path of each name and scalar of a JSON text -> where a byte of it stands."""
    text, found = content.decode(), {}

    def value(at: int, path: str) -> int:
        at = blank(at)
        if text[at] == "{":
            at = blank(at + 1)
            while text[at] != "}":
                name, at = json.decoder.scanstring(text, at + 1)
                found[f"{path}.{name} (name)"] = len(text[: at - 2].encode())
                at = blank(value(blank(at) + 1, f"{path}.{name}"))
                at = blank(at + 1) if text[at] == "," else at
            return at + 1
        if text[at] == "[":
            at, number = blank(at + 1), 0
            while text[at] != "]":
                at, number = blank(value(at, f"{path}[{number}]")), number + 1
                at = blank(at + 1) if text[at] == "," else at
            return at + 1
        _, end = json.JSONDecoder().raw_decode(text, at)
        found[path] = len(text[:at].encode()) + (1 if text[at] == '"' and end - at > 2 else 0)
        return end

    def blank(at: int) -> int:
        while at < len(text) and text[at] in " \n\t\r":
            at += 1
        return at

    value(0, "")
    return found


def test_a_changed_byte_in_each_field_of_manifest_and_body_is_found(
    delivered: tuple[Path, Path, bytes], tmp_path: Path
) -> None:
    folder, published, public = delivered
    shutil.copytree(folder, tmp_path / folder.name)
    step = tmp_path / folder.name / "00000003"
    tried: Counter[str] = Counter()

    def taken_as_changed(file: str, content: bytes) -> None:
        original = (step / file).read_bytes()
        assert content != original
        (step / file).write_bytes(content)
        try:
            with closing(Copy(":memory:", public)) as copy:
                copy.begin_at(2)
                copy.take(step.with_name("00000002"), published)
                before = (copy.standing(), list(copy.entries()))
                with pytest.raises(FeedRefused):
                    copy.take(step, published)
                assert (copy.standing(), list(copy.entries())) == before
        finally:
            (step / file).write_bytes(original)
        tried[file] += 1

    def changed(content: bytes, at: int) -> bytes:
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    text = (step / "manifest.json").read_bytes()
    fields = places(text)
    assert len({path.split(".")[1] for path in fields if not path.endswith(")")} - {""}) >= 15 - 2
    for at in fields.values():
        taken_as_changed("manifest.json", changed(text, at))
    for at in range(64):
        taken_as_changed("manifest.sig", changed((step / "manifest.sig").read_bytes(), at))
    for file in ("delta.jsonl", "full.jsonl"):
        content, start = (step / file).read_bytes(), 0
        for line in content.splitlines(keepends=True):
            for at in places(line.rstrip(b"\n")).values():
                taken_as_changed(file, changed(content, start + at))
            start += len(line)
        taken_as_changed(file, content[:-1])
        taken_as_changed(file, content + b"\n")
    # Nothing was left untried, and the untouched delivery is taken.
    assert tried["manifest.json"] > 40 and tried["delta.jsonl"] > 80 and tried["full.jsonl"] > 160
    with closing(Copy(":memory:", public)) as copy:
        copy.begin_at(2)
        assert copy.take(step.with_name("00000002"), published) and copy.take(step, published)
