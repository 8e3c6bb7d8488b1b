"""Tables in real databases: the database takes every row under its own constraints, or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pytest
from real_data import paths_of
from shop import QUICK, RULES, shop
from stored import postgres_with

from synthtab.databases.address import parse_address
from synthtab.errors import DataError, RuleViolationError, UsageError
from synthtab.exchange.reflect import from_database
from synthtab.files import read_batch
from synthtab.frames import decode_frame, encode_frame
from synthtab.lang.model import Model
from synthtab.loading import Loaded, load
from synthtab.wholemodel import WholeModel

ROOT = Path(__file__).parents[1]
SHOP = Model.parse(RULES)
ODD = """
table `odd "one"` {
  `the %s id` integer key
  price   decimal(10, 2) in -5 .. 99_999.99
  at      datetime
  hour    datetime(hour) optional
  day     date optional
  ok      boolean optional
  mood    enum('it''s', 'a "b"', 'tab	') optional
  note    text(30) optional
  parent  integer optional -> `odd "one"`.`the %s id`

  rule cheap "100% \\\\ sure": price < 90_000
}
""".replace("\\\\", "")
CIRCLE = """
table team { id integer key
  captain integer -> player.id
}
table player { id integer key
  team_id integer -> team.id
  rival integer optional -> player.id
}
"""


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, or of a file that is not there."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"{request.param}:///{tmp_path}/test.db"


def asked(url: str, query: str) -> list[tuple[object, ...]]:
    """Ask a database through its own driver."""
    if url.startswith("postgresql"):
        with psycopg.connect(url) as connection:
            return list(connection.execute(query).fetchall())  # type: ignore[arg-type]
    path = url.partition(":///")[2]
    if url.startswith("duckdb"):
        with duckdb.connect(path) as database:
            return list(database.execute(query).fetchall())
    with closing(sqlite3.connect(path)) as database:
        return list(database.execute(query).fetchall())


def tables_of(url: str) -> list[str]:
    """The names of the tables that are there; none where there is not even a file."""
    if url.startswith("postgresql"):
        query = "select table_name from information_schema.tables where table_schema = 'public'"
    else:
        path = Path(url.partition(":///")[2])
        if not path.exists():
            return []
        query = "select name from sqlite_master where type = 'table'"
    return sorted(str(name) for (name,) in asked(url, query))


def loaded(model: Model, frames: dict[str, pd.DataFrame], url: str, **options: bool) -> Loaded:
    return load(model.tables, frames, parse_address(url), **options)


@pytest.fixture(scope="module")
def sampled() -> dict[str, pd.DataFrame]:
    return WholeModel(SHOP, config=QUICK).fit(shop(), seed=1).sample(1.5, seed=2)


def test_sampled_tables_are_taken(sampled: dict[str, pd.DataFrame], url: str) -> None:
    made = loaded(SHOP, sampled, url)
    assert made.dialect == url.partition(":")[0]
    assert made.rows == {name: len(frame) for name, frame in sampled.items()}
    assert not made.broken
    left = {f"{u.table}.{u.rule}": u for u in made.unenforced}
    assert left["orders.total"].broken == 0
    soft = left["orders.mostly_paid"]
    assert soft.kept
    assert soft.broken == int((~sampled["orders"]["paid"].astype(bool)).sum())
    assert made.enforced["line"] == 2
    for name, frame in sampled.items():
        assert asked(url, f'select count(*) from "{name}"') == [(len(frame),)]
    total = sum(sampled["line"]["amount"], start=0)
    [(found,)] = asked(url, "select sum(amount) from line")
    assert round(float(str(found)), 2) == float(total)


def orphan(frames: dict[str, pd.DataFrame]) -> None:
    frames["orders"].loc[2, "customer_id"] = 999_999


def twice(frames: dict[str, pd.DataFrame]) -> None:
    frames["customer"].loc[2, "id"] = frames["customer"].loc[3, "id"]


def unknown_word(frames: dict[str, pd.DataFrame]) -> None:
    frames["customer"].loc[2, "segment"] = "garage"


def broken_rule(frames: dict[str, pd.DataFrame]) -> None:
    frames["orders"].loc[0, ["total", "paid"]] = [0.5, False]


def missing(frames: dict[str, pd.DataFrame]) -> None:
    frames["orders"]["placed"] = frames["orders"]["placed"].astype(object)
    frames["orders"].loc[1, "placed"] = None


@pytest.mark.parametrize("change", [orphan, twice, unknown_word, broken_rule, missing])
def test_a_row_that_breaks_a_rule_is_refused_and_nothing_is_left(
    url: str, change: Callable[[dict[str, pd.DataFrame]], None]
) -> None:
    frames = shop()
    change(frames)
    with pytest.raises(RuleViolationError, match="refuses") as caught:
        loaded(SHOP, frames, url)
    assert "\n" not in str(caught.value)
    assert tables_of(url) == []


def test_rules_that_only_queries_see_are_told(url: str) -> None:
    frames = shop()
    frames["orders"].loc[0, "total"] += 1
    made = loaded(SHOP, frames, url)
    assert [(u.table, u.rule, u.broken) for u in made.broken] == [("orders", "total", 1)]


def test_tables_that_are_there_stay_unless_told_otherwise(url: str) -> None:
    loaded(SHOP, shop(), url)
    with pytest.raises(UsageError, match=r"has `customer`, `orders`, `line` already; --replace"):
        loaded(SHOP, shop(10), url)
    broken = shop(10)
    orphan(broken)
    with pytest.raises(RuleViolationError):
        loaded(SHOP, broken, url, replace=True)
    assert asked(url, "select count(*) from customer") == [(40,)]
    loaded(SHOP, shop(10), url, replace=True)
    assert asked(url, "select count(*) from customer") == [(10,)]


def test_circles_are_closed_at_the_end(url: str) -> None:
    model = Model.parse(CIRCLE)
    frames = {
        "team": pd.DataFrame({"id": [1, 2], "captain": [10, 12]}),
        "player": pd.DataFrame(
            {
                "id": [10, 11, 12],
                "team_id": [1, 1, 2],
                "rival": pd.array([11, None, 10], dtype="Int64"),
            }
        ),
    }
    for again in (False, True):
        made = loaded(model, frames, url, replace=again)
        assert not made.broken
    queries = [u.rule for u in made.unenforced]
    assert queries == (["captain_reference"] if url.startswith("duckdb") else [])
    frames["team"].loc[0, "captain"] = 99
    if queries:
        assert [u.broken for u in loaded(model, frames, url, replace=True).broken] == [1]
    else:
        with pytest.raises(RuleViolationError, match=r"(?i)foreign key"):
            loaded(model, frames, url, replace=True)
        assert asked(url, "select captain from team order by id") == [(10,), (12,)]


def test_odd_names_and_every_type_come_through(url: str) -> None:
    model = Model.parse(ODD)
    (table,) = model.tables
    frame = pd.DataFrame(
        {
            "the %s id": [3, 1, 2],
            "price": ["-0.10", "89999.99", "7"],
            "at": ["2024-02-29 23:59:59", "2024-01-01 00:00:00", "1999-12-31 12:00:00"],
            "hour": ["2024-02-29 23:00:00", None, None],
            "day": [None, "2024-02-29", None],
            "ok": pd.array([True, False, None], dtype="boolean"),
            "mood": ["it's", 'a "b"', None],
            "note": ["", "a\tb\\N\n", None],
            "parent": pd.array([2, None, 1], dtype="Int64"),
        }
    )
    typed = decode_frame(table.columns, encode_frame(table.columns, frame))
    made = loaded(model, {table.name: typed}, url)
    assert not made.broken
    query = 'select "the %s id", price, note, mood, parent from "odd ""one""" order by 1'
    got = [(a, float(str(b)), c, d, e) for a, b, c, d, e in asked(url, query)]
    assert got == [
        (1, 89999.99, "a\tb\\N\n", 'a "b"', None),
        (2, 7.0, None, None, 1),
        (3, -0.1, "", "it's", 2),
    ]


@pytest.mark.parametrize("name", ["chinook", "northwind"])
def test_public_data_are_taken(name: str, url: str) -> None:
    model = Model.load(ROOT / "rules" / f"{name}.rules")
    paths = paths_of(name, model.tables)
    frames = {
        t.name: decode_frame(t.columns, read_batch(paths[t.name], t.columns)) for t in model.tables
    }
    made = loaded(model, frames, url)
    assert not made.broken
    assert sum(made.enforced.values()) > len(model.tables)


def test_a_schema_of_postgresql_can_be_named(postgres_url: str) -> None:
    postgres_with(postgres_url, 'create schema "my shop"')
    frames = shop()
    loaded(SHOP, frames, f"{postgres_url}#my%20shop.")
    assert tables_of(postgres_url) == []
    [(count,)] = asked(postgres_url, 'select count(*) from "my shop".orders')
    assert count == len(frames["orders"])
    with pytest.raises(DataError, match="has no schema `nix`"):
        loaded(SHOP, frames, f"{postgres_url}#nix.")


LONG = "a_name_of_a_table_that_is_as_long_as_postgresql_allows_" + "x" * 8
TWO_MODELS = [
    "table customer { id integer key rule once: unique (id) where id > 1 }"
    "table `customer.id` { a integer rule once: unique (a) }"
    f"table {LONG} {{ id integer key other integer unique }}",
    "table client { id integer key rule once: unique (id) where id > 1 }"
    f"table {LONG[:-1]}y {{ id integer key other integer unique }}",
]


def test_models_of_equal_rules_share_a_database(url: str) -> None:
    for text in TWO_MODELS:
        model = Model.parse(text)
        frames = {
            t.name: pd.DataFrame({c.name: [1, 2, 3] for c in t.columns}) for t in model.tables
        }
        loaded(model, frames, url)
    if not url.startswith("duckdb"):
        # Each rule is imported under its own name: no table's name, no digest.
        got = {t.name: t for t in from_database(url).tables}
        assert len(got) == 5
        for table in (t for text in TWO_MODELS for t in Model.parse(text).tables):
            names = {r.name for r in table.rules}
            assert {r.name for r in got[table.name].rules} == names


def test_what_others_depend_on_is_not_dropped(postgres_url: str) -> None:
    loaded(SHOP, shop(), postgres_url)
    postgres_with(postgres_url, "create view rich as select * from orders where total > 100")
    with pytest.raises(DataError, match="depend"):
        loaded(SHOP, shop(), postgres_url, replace=True)


def test_no_password_is_told(postgres_url: str) -> None:
    url = postgres_url.replace("tester@", "tester:g3heim@")  # the server trusts any
    frames = shop()
    orphan(frames)
    with pytest.raises(RuleViolationError) as refused:
        loaded(SHOP, frames, url)
    loaded(SHOP, shop(), url)
    with pytest.raises(UsageError) as there:
        loaded(SHOP, shop(), url)
    for caught in (refused, there):
        assert "g3heim" not in str(caught.value)
        assert "tester:***@" in str(caught.value)


def test_an_interrupt_leaves_nothing(url: str) -> None:
    def stop(stage: str, share: float) -> None:
        if stage == "loading line":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(SHOP.tables, shop(), parse_address(url), progress=stop)
    assert tables_of(url) == []


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_files_that_are_no_database_stay_as_they_are(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but a text that is long enough to be looked at" * 20)
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"notes\.txt"):
        loaded(SHOP, shop(), f"{kind}:///{path}")
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match="directory"):
        loaded(SHOP, shop(), f"{kind}:///{tmp_path}")
    with pytest.raises(UsageError, match="names no file"):
        loaded(SHOP, shop(), f"{kind}:///:memory:")
