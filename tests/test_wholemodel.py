"""Several tables learned and written: every mode and shape, all hard rules judged by DuckDB."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shop import QUICK, RULES, shop

from synthtab.backends.sqltables import SqlTables
from synthtab.choices import COMMON_MODES, Mode
from synthtab.errors import (
    DataError,
    InfeasibleError,
    RuleViolationError,
    SavedModelError,
    UsageError,
)
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.wholemodel import WholeModel

SHOP = Model.parse(RULES)
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def fitted() -> WholeModel:
    return WholeModel(SHOP, config=QUICK).fit(shop(), seed=1)


def broken(model: Model, frames: Frames) -> dict[str, int]:
    """How many rows break each hard rule, as DuckDB sees it."""
    hard = {t.name: [r for r in t.rules if r.share is None] for t in model.tables}
    found = SqlTables(model.tables).violated(frames, hard)
    return {f"{table}.{rule}": int(rows.sum()) for (table, rule), rows in found.items()}


def assert_lawful(model: Model, frames: Frames) -> None:
    assert {name: count for name, count in broken(model, frames).items() if count} == {}
    for table in model.tables:
        frame = frames[table.name]
        assert list(frame.columns) == list(table.column_names)
        for column in table.columns:
            assert column.optional or not frame[column.name].isna().any(), column.name


@pytest.mark.parametrize("mode", [m for m in COMMON_MODES if m != "solver+weighted"])
def test_every_mode_writes_all_tables(fitted: WholeModel, mode: str) -> None:
    if mode == "reject":  # rows across tables are seldom right by chance
        with pytest.raises(InfeasibleError, match=r"orders\.\w+: .* rows"):
            fitted.sample(mode="reject", seed=3)
        return
    got = fitted.sample_report(mode=mode, seed=3)  # type: ignore[arg-type]
    assert set(got.frames) == {"customer", "orders", "line"}
    assert len(got.frames["customer"]) == 40
    assert got.counts["customer"].returned == 40
    if mode in ("free", "grammar"):
        counts = broken(SHOP, dict(got.frames))
        assert {name: count for name, count in counts.items() if count} == {
            name: count for name, count in got.broken.items() if "column " not in name
        }
    else:
        assert got.broken == {}
        assert_lawful(SHOP, dict(got.frames))


@pytest.mark.parametrize("mode", ["solver+weighted", "feedback"])
def test_weights_and_talk_are_for_one_table(fitted: WholeModel, mode: Mode) -> None:
    with pytest.raises(UsageError, match="the mode 'solver' is the one for several tables"):
        fitted.sample(mode=mode)


def test_a_seed_gives_the_same_tables_and_none_gives_others(fitted: WholeModel) -> None:
    first, again, other = fitted.sample(seed=5), fitted.sample(seed=5), fitted.sample()
    for name, frame in first.items():
        pd.testing.assert_frame_equal(frame, again[name])
    assert any(not first[name].equals(other[name]) for name in first)


def test_saved_and_loaded_it_writes_the_same_tables(fitted: WholeModel, tmp_path: Path) -> None:
    fitted.save(tmp_path / "m")
    suffixes = {p.suffix for p in (tmp_path / "m").rglob("*") if p.is_file()}
    assert suffixes <= {".json", ".safetensors", ".rules"}
    loaded = WholeModel.load(tmp_path / "m")
    for name, frame in fitted.sample(seed=2).items():
        pd.testing.assert_frame_equal(loaded.sample(seed=2)[name], frame)
    assert loaded.report == fitted.report
    assert isinstance(Synthesizer.load(tmp_path / "m").sample(seed=2), dict)


def test_a_garbled_model_is_an_error(fitted: WholeModel, tmp_path: Path) -> None:
    fitted.save(tmp_path / "m")
    manifest = tmp_path / "m" / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["files"] = {n: d for n, d in facts["files"].items() if not n.endswith("table.json")}
    manifest.write_text(json.dumps(facts))
    (tmp_path / "m" / "table1" / "table.json").write_text('{"table": "nix"}')
    with pytest.raises(SavedModelError, match="nix"):
        WholeModel.load(tmp_path / "m")


def test_scales_and_numbers_of_rows(fitted: WholeModel) -> None:
    assert len(fitted.sample(0.5, seed=1)["customer"]) == 20
    assert len(fitted.sample(2.0, seed=1)["customer"]) == 80
    some = fitted.sample({"customer": 10, "orders": 12}, seed=1)
    assert [len(some[n]) for n in ("customer", "orders")] == [10, 12]
    assert_lawful(SHOP, some)
    none = fitted.sample({"customer": 0}, seed=1)
    assert [len(f) for f in none.values()] == [0, 0, 0]
    assert_lawful(SHOP, none)


@pytest.mark.parametrize("scale", [0, -1.0, float("nan")])
def test_a_scale_that_is_none_is_an_error(fitted: WholeModel, scale: float) -> None:
    with pytest.raises(UsageError, match="is not above 0"):
        fitted.sample(scale)


def test_wrong_numbers_of_rows_are_errors(fitted: WholeModel) -> None:
    with pytest.raises(UsageError, match="there is no table `nix`"):
        fitted.sample({"nix": 5})
    with pytest.raises(UsageError, match="cannot have -1 rows"):
        fitted.sample({"customer": -1})
    with pytest.raises(InfeasibleError, match="`orders` cannot have 5 rows"):
        fitted.sample({"customer": 0, "orders": 5})


def test_progress_is_told_table_by_table() -> None:
    learned, written = [], []
    whole = WholeModel(SHOP, config=QUICK)
    whole.fit(shop(8), progress=lambda *at: learned.append(at))
    whole.sample(seed=1, progress=lambda *at: written.append(at))
    assert {(name, number, tables) for name, number, tables, _ in learned} <= {
        ("customer", 0, 3),
        ("orders", 1, 3),
        ("line", 2, 3),
    }
    assert {what for what, *_ in written} >= {"writing customer", "writing orders", "writing line"}
    assert all(0 <= done <= total for _, done, total in written)


def test_data_that_are_missing_or_unknown_are_named() -> None:
    whole = WholeModel(SHOP, config=QUICK)
    tables = shop(10)
    with pytest.raises(DataError, match="no data for tables `orders`, `line`"):
        whole.fit({"customer": tables["customer"]})
    with pytest.raises(DataError, match="no table `nix`"):
        whole.fit({**tables, "nix": tables["line"]})
    with pytest.raises(DataError, match="column 'paid' is missing"):
        whole.fit({**tables, "orders": tables["orders"].drop(columns="paid")})
    with pytest.raises(UsageError, match="learned nothing yet"):
        whole.sample()


def test_orphans_are_an_error_or_dropped_or_repaired() -> None:
    tables = shop(15)
    tables["orders"].loc[2, "customer_id"] = 999
    whole = WholeModel(SHOP, config=QUICK)
    with pytest.raises(RuleViolationError, match=r"orders\.customer_id\S*: 1 of"):
        whole.fit(tables)
    for policy, used in (("drop", len(tables["orders"]) - 1), ("repair", len(tables["orders"]))):
        whole.fit(tables, violations=policy)
        assert whole.report is not None
        assert whole.report.tables["orders"].rows_used == used
        assert sum(whole.report.tables["orders"].violated.values()) >= 1
        assert_lawful(SHOP, whole.sample(seed=1))


# Shapes of tables, each a model with rows that keep its rules.


@dataclass(frozen=True)
class Shape:
    """Rules, and rows that keep them."""

    rules: str
    rows: Callable[[np.random.Generator], Frames]


def composite(rng: np.random.Generator) -> Frames:
    rooms = [(b, r) for b in "AB" for r in range(1, 9)]
    room = pd.DataFrame(rooms, columns=["building", "number"])
    room["seats"] = rng.integers(2, 40, len(room))
    picked = rng.integers(0, len(room), 60)
    lesson = room.loc[picked, ["building", "number"]].reset_index(drop=True)
    lesson["seats_taken"] = [rng.integers(0, s + 1) for s in room.loc[picked, "seats"]]
    return {"room": room, "lesson": lesson}


def one_to_one(rng: np.random.Generator) -> Frames:
    person = pd.DataFrame({"id": range(1, 41), "born": rng.integers(1950, 2000, 40)})
    some = rng.permutation(40)[:25]
    passport = pd.DataFrame({"person_id": some + 1})
    passport["issued"] = person.loc[some, "born"].to_numpy() + rng.integers(18, 21, 25)
    return {"person": person, "passport": passport}


def bridge(rng: np.random.Generator) -> Frames:
    student = pd.DataFrame({"id": range(1, 31), "year": rng.integers(1, 4, 30)})
    course = pd.DataFrame(
        {"code": [f"C{k:02d}" for k in range(8)], "level": [1, 1, 1, 2, 2, 2, 3, 3]}
    )
    pairs = [
        (s, code)
        for s, year in zip(student["id"], student["year"], strict=True)
        for code, level in zip(course["code"], course["level"], strict=True)
        if level <= year and rng.random() < 0.4
    ]
    return {
        "student": student,
        "course": course,
        "takes": pd.DataFrame(pairs, columns=["student_id", "course_code"]),
    }


def tree(rng: np.random.Generator) -> Frames:
    parents: list[int | None] = [None, None]
    depth = [0, 0]
    for at in range(2, 50):
        parent = int(rng.integers(0, at))
        if depth[parent] >= 4:
            parent = 0
        parents.append(parent + 1)
        depth.append(depth[parent] + 1)
    return {
        "part": pd.DataFrame(
            {
                "id": range(1, 51),
                "inside": pd.array(parents, dtype="Int64"),
                "depth": depth,
            }
        )
    }


def two_references(rng: np.random.Generator) -> Frames:
    team = pd.DataFrame({"id": range(1, 9), "city": rng.choice(["Rome", "Oslo", "Bern"], 8)})
    rows = []
    for home in range(1, 9):
        for guest in rng.permutation(np.setdiff1d(np.arange(1, 9), [home]))[:4]:
            goals = int(rng.integers(0, 5))
            winner = rng.choice([home, guest]) if goals else None
            rows.append((home, int(guest), goals, winner))
    game = pd.DataFrame(rows, columns=["home_id", "guest_id", "goals", "winner_id"])
    game["winner_id"] = game["winner_id"].astype("Int64")
    return {"team": team, "game": game}


def balance(rng: np.random.Generator) -> Frames:
    rows = []
    for account in range(1, 21):
        held = 0
        for step in range(1, int(rng.integers(2, 7))):
            amount = int(rng.integers(-min(held, 50), 100))
            held += amount
            rows.append((account, step, amount, held))
    entry = pd.DataFrame(rows, columns=["account_id", "step", "amount", "balance"])
    return {"account": pd.DataFrame({"id": range(1, 21)}), "entry": entry}


def stays(rng: np.random.Generator) -> Frames:
    rows = []
    for bed in range(1, 11):
        day = 0
        for _ in range(int(rng.integers(1, 6))):
            start = day + int(rng.integers(0, 20))
            day = start + int(rng.integers(1, 9))
            rows.append((bed, start, day, rng.choice(["ok", None])))
    stay = pd.DataFrame(rows, columns=["bed_id", "first", "last", "note"])
    first = pd.Timestamp("2024-01-01")
    for name in ("first", "last"):
        stay[name] = (first + pd.to_timedelta(stay[name], "D")).dt.strftime("%Y-%m-%d")
    bed = pd.DataFrame({"id": range(1, 11), "ward": rng.choice(["east", "west"], 10)})
    return {"bed": bed, "stay": stay}


def circle(rng: np.random.Generator) -> Frames:
    staff = pd.DataFrame({"id": range(1, 31), "unit_id": np.arange(30) % 5 + 1})
    unit = pd.DataFrame({"id": range(1, 6), "head_id": pd.array([1, 2, None, 4, 5], dtype="Int64")})
    return {"unit": unit, "staff": staff}


SHAPES = {
    "composite keys": Shape(
        "table room { building enum('A', 'B')\n number integer in 1 .. 20\n"
        " seats integer in 2 .. 40\n key (building, number) }\n"
        "table lesson { building enum('A', 'B')\n number integer in 1 .. 20\n"
        " seats_taken integer in 0 .. 40\n"
        " rule place: (building, number) -> room (building, number)\n"
        " rule fits: seats_taken <= room.seats }",
        composite,
    ),
    "one to one": Shape(
        "table person { id integer key\n born integer in 1900 .. 2010 }\n"
        "table passport { person_id integer key -> person.id\n issued integer in 1900 .. 2030\n"
        " rule grown: issued >= person.born + 18 }",
        one_to_one,
    ),
    "bridge": Shape(
        "table student { id integer key\n year integer in 1 .. 3 }\n"
        "table course { code text(3) key matching /C[0-9]{2}/\n level integer in 1 .. 3 }\n"
        "table takes { student_id integer -> student.id\n course_code text(3) -> course.code\n"
        " key (student_id, course_code)\n rule ready: course.level <= student.year }",
        bridge,
    ),
    "self reference": Shape(
        "table part { id integer key\n inside integer optional -> part.id\n"
        " depth integer in 0 .. 5\n rule top: inside is null iff depth = 0\n"
        " rule deeper: depth = inside.depth + 1 }",
        tree,
    ),
    "two references to one parent": Shape(
        "table team { id integer key\n city enum('Rome', 'Oslo', 'Bern') }\n"
        "table game { home_id integer -> team.id\n guest_id integer -> team.id\n"
        " goals integer in 0 .. 9\n winner_id integer optional -> team.id\n"
        " rule others: home_id != guest_id\n"
        " rule draw: winner_id is null iff goals = 0\n"
        " rule won: winner_id = home_id or winner_id = guest_id }",
        two_references,
    ),
    "running balance": Shape(
        "table account { id integer key }\n"
        "table entry { account_id integer -> account.id\n step integer in 1 .. 20\n"
        " amount integer in -100 .. 100\n balance integer in 0 .. 5000\n key (account_id, step)\n"
        " rule steps: gap_free(step) per account_id\n"
        " rule running: balance = (previous(balance, 0) per account_id ordered by step) + amount }",
        balance,
    ),
    "no overlap": Shape(
        "table bed { id integer key\n ward enum('east', 'west') }\n"
        "table stay { bed_id integer -> bed.id\n first date in 2024-01-01 .. 2026-12-31\n"
        " last date in 2024-01-01 .. 2026-12-31\n note text(9) optional\n"
        " rule ends: last > first\n rule apart: no overlap (first, last) per bed_id }",
        stays,
    ),
    "circle of tables": Shape(
        "table unit { id integer key\n head_id integer optional unique -> staff.id }\n"
        "table staff { id integer key\n unit_id integer -> unit.id }",
        circle,
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_tables_of_every_shape_keep_their_rules(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    model = Model.parse(shape.rules)
    real = shape.rows(np.random.default_rng(3))
    assert_lawful(model, real)
    whole = WholeModel(model, config=QUICK).fit(real, seed=1)
    assert_lawful(model, whole.sample(seed=1))
    whole.save(tmp_path / "m")
    assert_lawful(model, WholeModel.load(tmp_path / "m").sample(1.5, seed=3))


def test_more_rows_than_a_key_has_values_are_refused_before_any_is_written() -> None:
    shape = SHAPES["composite keys"]
    whole = WholeModel(Model.parse(shape.rules), config=QUICK)
    whole.fit(shape.rows(np.random.default_rng(3)), seed=1)
    told: list[object] = []
    with pytest.raises(InfeasibleError, match=r"`room` cannot have 64 rows: .* only 40 different"):
        whole.sample(4.0, progress=lambda *at: told.append(at))
    assert told == []


def test_more_children_than_their_key_has_values_are_refused_before_any_is_written() -> None:
    rules = "table a { id integer key }\ntable b { id integer in 1 .. 60 key\n"
    rules += " a_id integer -> a.id }"
    a = pd.DataFrame({"id": range(1, 31)})
    b = pd.DataFrame({"id": range(1, 51), "a_id": [k % 30 + 1 for k in range(50)]})
    whole = WholeModel(Model.parse(rules), config=QUICK).fit({"a": a, "b": b}, seed=1)
    for seed in range(3):
        assert len(whole.sample(seed=seed)["b"]) <= 60
    told: list[object] = []
    with pytest.raises(InfeasibleError, match=r"`b` cannot have 100 rows: .* only 60 different"):
        whole.sample(2.0, progress=lambda *at: told.append(at))
    assert told == []
