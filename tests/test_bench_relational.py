"""Parts of the relational benchmark: data that hang together, what a peer is told, kept figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import pairs, peer, relational, scaling, wholes
from bench.kept import kept
from bench.likeness import floor, likeness
from bench.record import name_of
from bench.report import Figure, last_error, rules_file
from bench.subset import subset
from synthtab.backends.tables import TablesBackend
from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch
from synthtab.frames import encode_frame
from synthtab.ir.references import references
from synthtab.lang.model import Model

SHOP = Model.parse("""
table town { id integer key }
table shop {
  id      integer key
  town_id integer -> town.id
  boss_id integer optional -> person.id
  rule busy: count(of person) >= 1
}
table person {
  id      integer key
  shop_id integer -> shop.id
  friend  integer optional -> person.id
}
table visit {
  shop_id   integer -> shop.id
  person_id integer -> person.id
  day       date
  note      text(20)
  mark      enum('x', 'y') optional
  key (shop_id, person_id)
}
table log {
  shop_id   integer
  person_id integer
  rule of_visit: (shop_id, person_id) -> visit (shop_id, person_id)
}
""")


def frames() -> dict[str, pd.DataFrame]:
    person = pd.DataFrame(
        {"id": [1, 2, 3, 4], "shop_id": [1, 1, 2, 3], "friend": [2, None, None, 4]}
    )
    visit = pd.DataFrame({"shop_id": [1, 2, 3], "person_id": [1, 3, 4]})
    return {
        "town": pd.DataFrame({"id": [1, 2, 3]}),
        "shop": pd.DataFrame({"id": [1, 2, 3], "town_id": [1, 1, 2], "boss_id": [1, None, 4]}),
        "person": person.astype("Int64"),
        "visit": visit.assign(day="2024-01-01", note=["a", "a", "b"], mark="x"),
        "log": visit,
    }


def batches(model: Model, tables: dict[str, pd.DataFrame]) -> dict[str, Batch]:
    return {t.name: encode_frame(t.columns, tables[t.name]) for t in model.tables}


def test_a_subset_hangs_together_and_keeps_what_it_was_asked_for() -> None:
    real = batches(SHOP, frames())
    small = subset(SHOP.tables, real, "shop", 1, seed=0)
    assert len(small["shop"]) == 1
    broken = TablesBackend(SHOP.tables).violated(small)
    assert not any(mask.any() for mask in broken.values())
    kept_shop = int(small["shop"].column("id")[0][0])
    assert set(small["person"].column("shop_id")[0]) == {kept_shop}
    assert set(small["visit"].column("shop_id")[0]) == {kept_shop}
    # A town without shops had none to lose; one whose shops are gone goes with them.
    home = int(small["shop"].column("town_id")[0][0])
    assert sorted(small["town"].column("id")[0]) == sorted({home, 3})
    everything = subset(SHOP.tables, real, "shop", 3, seed=0)
    assert {n: len(b) for n, b in everything.items()} == {n: len(b) for n, b in real.items()}


def test_the_peer_is_told_of_what_it_knows_and_the_rest_is_named() -> None:
    told, left_out = peer.metadata(SHOP.tables, frames())
    assert left_out == ("person.shop_id_reference", "person.friend_reference", "log.of_visit")
    assert [(r["parent_table_name"], r["child_table_name"]) for r in told["relationships"]] == [
        ("town", "shop"),
        ("person", "shop"),
        ("shop", "visit"),
        ("person", "visit"),
    ]
    assert told["tables"]["visit"] == {
        "columns": {
            "shop_id": {"sdtype": "id"},
            "person_id": {"sdtype": "id"},
            "day": {"sdtype": "datetime", "datetime_format": "%Y-%m-%d"},
            "note": {"sdtype": "unknown"},
            "mark": {"sdtype": "categorical"},
        }
    }
    assert told["tables"]["shop"]["primary_key"] == "id"


def test_a_peer_that_cannot_run_says_why(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'Traceback' >&2\necho 'KeyError: 7' >&2\nexit 1\n")
    python.chmod(0o755)
    assert peer.run(python, SHOP.tables, frames()).failed == "failed: KeyError: 7"
    python.write_text("#!/bin/sh\nsleep 60\n")
    assert peer.run(python, SHOP.tables, frames(), 0.2).failed == "not done after 0 s"


def test_some_tables_keep_the_rules_about_themselves() -> None:
    shop, person = wholes.only(SHOP.tables, ["shop", "person"])
    assert [r.name for r in shop.rules] == ["id_key", "boss_id_reference", "busy"]
    assert len(person.rules) == 3
    (alone,) = wholes.only(SHOP.tables, ["shop"])
    assert [r.name for r in alone.rules] == ["id_key"]


def test_violations_name_rules_and_rows() -> None:
    tables = frames()
    tables["person"]["shop_id"] = [1, 1, 2, 9]
    found = wholes.violations(SHOP.tables, batches(SHOP, tables))
    assert found == ["person.shop_id_reference 1 of 4", "shop.busy 1 of 3"]


def test_figures_are_kept_for_the_same_measurement_only(tmp_path: Path) -> None:
    calls = []

    def make() -> list[Figure]:
        calls.append(1)
        return [Figure("x", str(len(calls)), "1", met=True)]

    folder = tmp_path / "work"
    first = kept(folder, "part", {"seed": 1}, make)
    assert kept(folder, "part", {"seed": 1}, make) == first == [Figure("x", "1", "1", True)]
    assert kept(folder, "part", {"seed": 2}, make)[0].measured == "2"
    assert kept(None, "part", {"seed": 2}, make)[0].measured == "3"


def test_equal_tables_are_alike_and_a_floor_is_not_nought() -> None:
    model = Model.parse(scaling.MODEL)
    real = batches(model, scaling.real(0, 60))
    more = real | {"another": real["entry"]}
    same = likeness(model.tables, more, real).figures()
    assert set(same.values()) == {"0.00%", "0.000"}
    chance = floor(model.tables, more, 0)
    assert chance.pair is not None
    assert chance.pair > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: (Model.parse(scaling.MODEL), scaling.real(3, 80)),
        lambda: (lambda m, f: (m, {"tax": f}))(*pairs.tax(3, 500)),
    ],
    ids=["scaling", "tax"],
)
def test_made_up_tables_keep_their_rules(
    make: Callable[[], tuple[Model, dict[str, pd.DataFrame]]],
) -> None:
    model, tables = make()
    real = batches(model, tables)
    assert not any(mask.any() for mask in TablesBackend(model.tables).violated(real).values())
    for table in model.tables:
        assert not VectorBackend(table).out_of_domain(real[table.name]).any()
    assert all(len(b) for b in real.values())
    assert all(
        np.array_equal(real[n].codes, again.codes) for n, again in batches(model, make()[1]).items()
    )


def test_parts_are_sections_and_those_kept_are_not_measured_again(tmp_path: Path) -> None:
    how = {"seed": 4, "symbols": 77, "peer": "None"}
    for name in relational.PARTS:
        kept(tmp_path, name, how, lambda name=name: [Figure(name, "1")])
    sections = list(relational.run(4, 77, work=tmp_path))
    assert [s.figures[0].what for s in sections] == list(relational.PARTS)
    assert sections[-1].command == "python -m bench relational --only pairs_tax --symbols 77"
    (one,) = relational.run(4, 77, only=["scaling"], work=tmp_path)
    assert one.title == "Growing tables"


def test_a_part_beside_the_peer_says_so_under_the_name_it_has_without(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    how = {"seed": 4, "symbols": 77, "peer": str(python)}
    for name in ("northwind", "scaling"):
        kept(tmp_path, name, how, lambda: [Figure("x", "1")])
    only = ["northwind", "scaling"]
    beside, alone = relational.run(4, 77, only=only, peer_python=python, work=tmp_path)
    assert beside.command.endswith("--only northwind --symbols 77 --peer-python PYTHON")
    assert name_of(beside) == "relational-northwind-symbols-77"
    assert alone.command.endswith("--only scaling --symbols 77")
    assert name_of(alone) == "relational-scaling-symbols-77"


def test_sets_name_tables_there_are_and_the_peer_takes_them() -> None:
    for data in wholes.SETS:
        tables = {t.name: t for t in Model.load(rules_file(data.rules or data.name)).tables}
        assert set(data.peer) <= set(tables)
        assert len(data.peer) <= 5
        few = wholes.only(tuple(tables.values()), data.peer)
        children = {t.name for t in few for _ in references(t)}
        assert not children & {r.parent for t in few for r in references(t)}


def test_the_last_error_of_a_process_is_one_line() -> None:
    stderr = "Traceback\n  x\nsynthtab.errors.DataError: rows\n  are\nmissing\n"
    assert last_error(stderr) == "rows are missing"
    assert last_error("killed\n") == "killed"
