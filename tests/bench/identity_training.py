"""Learn the weights of the likeness model anew: ``python tests/bench/identity_training.py``.

From the people of ``identity_world.py`` with a seed of their own, so that the benchmark measures on others. What is
learnt is how often a field agrees between an item and its own subject (m), and between any two (u).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.identity_world import LISTED, Item, Person, Unit, World, shown
from credit_warehouse.likeness import model
from credit_warehouse.likeness.names import stem

SEED = 4711
PAIRS = 2_000_000
# What was never seen is taken to happen once in a thousand items, or once in as many pairs as were looked at.
NEVER = {"m_probability": 1 / 1000, "u_probability": 1 / PAIRS}
OPEN = {
    "organisation": ("name and representative", "slip in the name, representative", "slip in the name, masked code",
                     "slip in the code"),
    "person": ("one slip in the number", "two slips in the number", "slip in a masked number", "look-alike name, mask",
               "homophone name, mask"),
}  # fmt: skip


def main() -> int:
    """Write both files of weights."""
    world = World(40_000, 40_000, SEED, known=1.0)
    items = list(world.listings(150_000))
    for kind in model.KINDS:
        said = [_said(kind, item) for item in items if item.kind in OPEN[kind]]
        known = [_known(one) for one in (world.units if kind == "organisation" else world.people)]
        found = trained(kind, said, known)
        text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
        (model.FOLDER / f"{kind}.json").write_text(text, encoding="utf-8")
    return 0


def trained(kind: str, said: list[dict[str, Any]], known: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings with what was learnt."""
    import pyarrow
    from splink import Linker

    api = model.database()
    tables = []
    for name, side in (("said", said), ("known", known)):
        numbered = [{"unique_id": place, "pair": place, **row} for place, row in enumerate(side)]
        tables.append(api.register(pyarrow.Table.from_pylist(numbered), dataset_display_name=name))
    linker = Linker(tables, model.settings_of(kind), log_level=None)
    linker.training.estimate_u_using_random_sampling(max_pairs=PAIRS, seed=SEED, min_count_per_level=None, num_chunks=1)
    linker.training.estimate_m_from_label_column("truth")
    found = linker.misc.save_model_to_json()
    for comparison in found["comparisons"]:
        for level in comparison["comparison_levels"]:
            for side in ("m_probability", "u_probability"):
                if not level.get("is_null_level"):
                    level[side] = _rounded(level.get(side), NEVER[side])
    # The odds come from the warehouse at hand, and the id of a training run says nothing.
    for name in ("linker_uid", "probability_two_random_records_match"):
        found.pop(name, None)
    return found


def _rounded(value: Any, never: float) -> float:
    return float(f"{value:.4g}") if isinstance(value, float) and value > never else never


def _said(kind: str, item: Item) -> dict[str, Any]:
    row = item.row
    number = row.get("cardNumFull") or row.get("cardNum")
    if kind == "person":
        number = shown(number) if "*" not in number else number
        sex = (row.get("sexy") or "")[:1] or None
        return _row(item.subject, row["iname"], number, number[:6], None, sex, row.get("age"))
    division = number[2:8] if number else None
    return _row(item.subject, stem(row["iname"]), number, division, row.get("businessEntity") or None, None, None)


def _known(one: Person | Unit) -> dict[str, Any]:
    if isinstance(one, Person):
        return _row(one, one.name, shown(one.number), one.number[:6], None, one.sex, LISTED.year - one.birth.year)
    return _row(one, stem(one.name), one.number, one.division, one.representative, None, None)


def _row(
    subject: Person | Unit, name: str, number: str | None, division: str | None, representative: str | None,
    sex: str | None, age: int | None,
) -> dict[str, Any]:  # fmt: skip
    return {"name": name, "number": number, "division": division, "representative": representative, "sex": sex,
            "age": age, "truth": subject.token_of}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
