"""What repair leaves broken is decoded again, those groups alone, until nothing comes of it."""

from __future__ import annotations

import numpy as np
import pytest
from shop import QUICK, RULES, shop

from synthtab.batch import Batch
from synthtab.draw import METHODS
from synthtab.frames import encode_frame
from synthtab.lang.model import Model
from synthtab.relational import settling
from synthtab.relational.again import Again, decoded_again
from synthtab.relational.database import Database, fit_database, rows_asked, write_database
from synthtab.relational.judging import broken_rules, named_rows, times_broken
from synthtab.relational.settling import ROUNDS, settle

MODEL = Model.parse(RULES)
SOLVER = METHODS["solver"]


@pytest.fixture(scope="module")
def database() -> Database:
    rows = {t.name: encode_frame(t.columns, shop()[t.name]) for t in MODEL.tables}
    return fit_database(MODEL.tables, rows, config=QUICK, seed=1)


@pytest.fixture(scope="module")
def written(database: Database) -> dict[str, Batch]:
    rng = np.random.default_rng(2)
    drawn = write_database(database, rows_asked(database, 1.0), SOLVER, rng)
    made = settle(database, drawn.batches, SOLVER, rng)
    assert not made.broken
    return dict(made.batches)


def changed(batch: Batch, column: str, rows: list[int], add: int) -> Batch:
    codes = batch.codes.copy()
    codes[rows, batch.index(column)] += add
    return Batch(batch.columns, codes, batch.nulls, batch.pool)


def differing(one: Batch, other: Batch) -> set[int]:
    """The rows in which two batches differ, texts compared as strings."""
    found: set[int] = set()
    for name in one.columns:
        (a, none), (b, nor) = one.column(name), other.column(name)
        if name == "city":
            a, b = one.pool[a], other.pool[b]
        found |= set(np.flatnonzero((none != nor) | (~none & (a != b))).tolist())
    return found


def test_only_the_groups_that_break_rules_are_written_again(
    database: Database, written: dict[str, Batch]
) -> None:
    line = written["line"]
    ids, counts = np.unique(line.column("order_id")[0], return_counts=True)
    several = ids[counts > 1][:3]
    wrong = [int(np.flatnonzero(line.column("order_id")[0] == k)[0]) for k in several]
    batches = {**written, "line": changed(line, "amount", wrong, 1)}
    before = broken_rules(database.tables, batches)
    assert times_broken(before) == 3
    rng = np.random.default_rng(5)
    got = decoded_again(database, batches, before, SOLVER, rng, parents=False)
    assert broken_rules(database.tables, got.batches) == {}
    inside = set(np.flatnonzero(np.isin(line.column("order_id")[0], several)).tolist())
    assert got.rows == {"line": len(inside)}
    assert got.tries["line"] >= len(inside)
    touched = differing(batches["line"], got.batches["line"])
    assert touched
    assert touched <= inside
    for name in ("customer", "orders"):
        assert not differing(batches[name], got.batches[name])


def test_a_row_is_written_again_with_its_keys_and_its_children(
    database: Database, written: dict[str, Batch]
) -> None:
    orders = written["orders"]
    # Not every row finds a way on with its children as they are.
    wrong = list(range(20))
    # A day before the customer joined; the sum of the lines stays what the total has to be.
    batches = {**written, "orders": changed(orders, "placed", wrong, -3_000)}
    before = broken_rules(database.tables, batches)
    rng = np.random.default_rng(5)
    got = decoded_again(database, batches, before, SOLVER, rng, parents=True)
    after = broken_rules(database.tables, got.batches)
    assert times_broken(after) < times_broken(before)
    for name in ("id", "customer_id"):
        assert (got.batches["orders"].column(name)[0] == orders.column(name)[0]).all()
    assert not differing(batches["line"], got.batches["line"])


def test_rounds_end_where_nothing_helps(
    database: Database, written: dict[str, Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = {**written, "line": changed(written["line"], "amount", [0], 1)}

    def nothing(
        _: Database, given: dict[str, Batch], *__: object
    ) -> tuple[dict[str, Batch], dict[str, int]]:
        return dict(given), dict.fromkeys(given, 0)

    rounds: list[bool] = []

    def worse(_: Database, given: dict[str, Batch], *__: object, parents: bool) -> object:
        rounds.append(parents)
        more = changed(given["line"], "amount", [0, 5, 9], 7 * len(rounds))
        return Again({**given, "line": more}, {"line": 3}, {"line": 3})

    monkeypatch.setattr(settling, "_mended", nothing)
    monkeypatch.setattr(settling, "decoded_again", worse)
    got = settle(database, batches, SOLVER, np.random.default_rng(1))
    assert rounds == [False, True] * 2
    assert times_broken(got.broken) == 1
    assert got.again == {}
    assert got.tries == {"line": 12}
    assert not differing(batches["line"], got.batches["line"])
    assert len(rounds) < ROUNDS


def test_rows_are_named_by_their_keys(written: dict[str, Batch]) -> None:
    line = MODEL.table("line")
    mask = np.zeros(len(written["line"]), dtype=bool)
    mask[[0, 2]] = True
    codes = written["line"].codes
    said = named_rows(line, written["line"], mask)
    assert said == "; ".join(f"order_id {codes[k, 0]}, number {codes[k, 1]}" for k in (0, 2))
    every = named_rows(line, written["line"], np.ones(len(codes), dtype=bool))
    assert every.endswith("; ...")
    assert every.count(";") == 5
