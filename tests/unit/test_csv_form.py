"""A table for clerks: nothing runs, nothing changes, nothing is lost."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit_warehouse.export import csv_form
from credit_warehouse.feed_consumer import Copy, FeedRefused, verify
from feed_peer import Publisher, raw

KEY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""), (True, "true"), (False, "false"), (-3, "-3"), ("", ""), ("张三", "张三"), ("a=b", "a=b"),
        ("=1+1", "'=1+1"), ("+86", "'+86"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), (" =1", "' =1"),
        ("＝1", "'＝1"), ("＠x", "'＠x"), ("\t=1", "' =1"), ("'quoted", "''quoted"), ("007", "'007"),
        ("123456789012345678", "'123456789012345678"), ("12345678901", "12345678901"),
        ("6600011985****0019", "6600011985****0019"), ("two\nlines\r", "two lines "), ("a\u2028b", "a b"),
    ],
)  # fmt: skip
def test_a_cell_is_text_and_one_line(value: Any, written: str) -> None:
    assert csv_form.cell(value) == written
    if isinstance(value, str) and written.startswith("'"):
        assert written[1:] == value.replace("\t", " "), "one apostrophe off is the value"


def test_every_character_can_be_written_in_gb18030() -> None:
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert everything.encode("gb18030").decode("gb18030") == everything


def test_a_delta_is_a_table_with_the_operation_in_front(tmp_path: Path) -> None:
    changes = [
        {"op": "REMOVE", "id": "1", "reason": "WITHDRAWN|MINOR", "entry": None},
        {"op": "ADD", "id": "2", "reason": None, "entry": {"subject_name": '说"话"𠮷', "age": 40, "sex": None}},
    ]
    lines = tmp_path / "delta.jsonl"
    lines.write_text("".join(json.dumps(change, ensure_ascii=False) + "\n" for change in changes), encoding="utf-8")
    told = csv_form.write(lines, tmp_path / "delta.csv", ["age", "sex", "subject_name"])
    content = (tmp_path / "delta.csv").read_bytes()
    assert content.decode("gb18030") == (
        '"op","id","reason","age","sex","subject_name"\r\n'
        '"REMOVE","1","WITHDRAWN|MINOR","","",""\r\n'
        '"ADD","2","","40","","说""话""𠮷"\r\n'
    )
    assert told == {
        "name": "delta.csv", "rows": 3, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip


def test_a_split_is_a_line_of_the_table_too(tmp_path: Path) -> None:
    who = {"item_id": "i2", "subject_id": "s2", "identity_tier": "T2"}
    line = json.dumps({"op": "SPLIT", "id": "link-8", "reason": "T2_PERSON_SEX_AGE", "entry": who})
    (tmp_path / "delta.jsonl").write_text(line + "\n", encoding="utf-8")
    csv_form.write(tmp_path / "delta.jsonl", tmp_path / "delta.csv", ["age", "identity_tier", "item_id", "subject_id"])
    assert list(csv.reader(io.StringIO((tmp_path / "delta.csv").read_bytes().decode("gb18030"), newline=""))) == [
        ["op", "id", "reason", "age", "identity_tier", "item_id", "subject_id"],
        ["SPLIT", "link-8", "T2_PERSON_SEX_AGE", "", "T2", "i2", "s2"],
    ]  # fmt: skip


def test_the_full_set_is_a_table_of_its_fields(tmp_path: Path) -> None:
    (tmp_path / "full.jsonl").write_text('{"a":"=x","b":1}\n', encoding="utf-8")
    csv_form.write(tmp_path / "full.jsonl", tmp_path / "full.csv", ["a", "b"])
    assert list(csv.reader(io.StringIO((tmp_path / "full.csv").read_bytes().decode("gb18030"), newline=""))) == [
        ["a", "b"], ["'=x", "1"],
    ]  # fmt: skip


class WithTables(Publisher):
    """Publishes the tables, too; ``lines_left_out`` of them are missing although the manifest is signed."""

    lines_left_out = 0

    def send(self, *changes: dict[str, Any], full: bool = True) -> Path:
        step = super().send(*changes, full=full)
        manifest = json.loads((step / "manifest.json").read_bytes())
        for claim in list(manifest["files"]):
            name = claim["name"].replace("jsonl", "csv")
            text = b'"x"\r\n' * (claim["rows"] + 1 - self.lines_left_out)
            (step / name).write_bytes(text)
            manifest["files"].append(
                {
                    "name": name,
                    "rows": text.count(b"\n"),
                    "bytes": len(text),
                    "sha256": hashlib.sha256(text).hexdigest(),
                }
            )
        signed = json.dumps(manifest).encode()
        for path in (step / "manifest.json", self.folder / "latest.json"):
            path.write_bytes(signed)
        (step / "manifest.sig").write_bytes(self.key.sign(signed))
        self.previous = hashlib.sha256(signed).hexdigest()
        return step


def tabled(folder: Path) -> WithTables:
    made = WithTables(folder / "punishment-cz", KEY, datetime.now(timezone(timedelta(hours=8))).replace(microsecond=0))
    made.publish_key()
    return made


def follow(publisher: Publisher) -> Copy:
    return verify(publisher.folder, publisher.keys, raw(KEY))


def test_a_consumer_takes_a_feed_with_tables_and_checks_them(tmp_path: Path) -> None:
    publisher = tabled(tmp_path)
    publisher.send({"op": "ADD", "id": "a", "reason": None, "entry": {"item_id": "a"}})
    step = publisher.send({"op": "REMOVE", "id": "a", "reason": "MINOR", "entry": None}, full=False)
    follow(publisher).close()
    (step / "delta.csv").write_bytes(b'"y"\r\n"x"\r\n')
    with pytest.raises(FeedRefused, match=r"\[FILE\].*delta.csv differs in sha256"):
        follow(publisher)


def test_a_table_with_fewer_lines_is_refused_though_signed(tmp_path: Path) -> None:
    publisher = tabled(tmp_path)
    publisher.lines_left_out = 1
    publisher.send({"op": "ADD", "id": "a", "reason": None, "entry": {"item_id": "a"}})
    with pytest.raises(FeedRefused, match=r"\[COUNTS\].*delta.csv"):
        follow(publisher)
