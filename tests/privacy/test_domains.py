"""Ranges and categories that rules do not declare: refused, implied, estimated."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbouring import Locked, rules, vault_of
from real_data import ROOT, paths_of

from synthtab.errors import BudgetError, UsageError
from synthtab.files import read_batch
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.privacy.candidates import ENDS, coarse_axis, ends_within
from synthtab.privacy.completed import Categories, Completed, MadeUp, Range
from synthtab.privacy.domains import complete, named, public, quantile_sensitivity
from synthtab.privacy.intake import take_in
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.settings import Neighbours
from synthtab.privacy.vault import Vault
from synthtab.schema import (
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    domain,
    encode_value,
)

TYPES = st.sampled_from(
    [IntegerType(), DecimalType(12, 2), DateType(), DatetimeType(), DatetimeType(60)]
)


def locked(table: nodes.Table, delta: float = 1e-6) -> Vault:
    return Vault({table.name: Locked()}, Ledger(1.0, delta))


def inside(vault: Vault, name: str):
    """Return a table's rows, for tests alone: out of the room, uncharged."""

    class Peek:
        charge = None

        def read(self, room):
            return room.batch(name)

    spend = vault.ledger.spend
    vault.ledger.spend = lambda charge: None
    try:
        return vault.release(Peek())
    finally:
        vault.ledger.spend = spend


OPEN = """
table t {
  n     integer
  top   integer in 0 ..
  price decimal(12, 2) optional
  day   date
  at    datetime in 2020-01-01T00:00:00 ..
  note  text(20) optional
  code  text(3) matching /[A-C][0-9]/
  plate text(8) matching /[A-Z]{2}[0-9]{6}/
  kind  enum('a', 'b')
  done  boolean
  id    integer key
}
"""


def test_refuse_names_all_columns_and_reads_nothing():
    table = rules(OPEN)
    vault = locked(table)
    with pytest.raises(UsageError) as error:
        complete(vault, table, "refuse", vault.ledger.purse(), leave_out={"id"})
    said = str(error.value)
    for name in ("n", "top", "price", "day", "at", "note", "plate"):
        assert f"  {name}: " in said
    for name in ("code", "kind", "done", "id"):
        assert f"  {name}: " not in said
    assert "top: no upper end is declared" in said
    assert "domains='estimate'" in said
    assert vault.ledger.charges == ()


def test_texts_need_a_delta_and_nothing_is_read_without():
    table = rules("table t { note text(20)\n n integer }")
    vault = locked(table, delta=0.0)
    with pytest.raises(UsageError, match=r"note.*delta above 0"):
        complete(vault, table, "estimate", vault.ledger.purse())
    assert vault.ledger.charges == ()


def test_a_table_that_declares_everything_is_left_alone():
    table = rules("table t { n integer in 0 .. 9\n kind enum('a', 'b') }")
    vault = locked(table)
    done = complete(vault, table, "refuse", vault.ledger.purse())
    assert (done.table, done.rows, done.found) == (table, "t", {})
    assert done.set_aside == ()


def test_what_rules_imply_is_public():
    table = rules(
        "table t {\n n integer\n m integer\n day date in 2000-01-01 .. 2001-01-01\n later date\n"
        " rule a: n between 3 and 17\n rule b: m >= 2 * n\n rule c: later <= day + 10 days\n}"
    )
    found = public(table, table.columns)
    assert found["n"] == Range(3, 17)
    assert found["m"].lo == 6
    assert found["later"].hi == domain(table.column("day"))[1] + 10
    with pytest.raises(UsageError) as error:
        complete(locked(table), table, "refuse", Ledger(1.0, 1e-6).purse())
    assert "m: no upper end" in str(error.value)
    assert "later: no lower end" in str(error.value)
    assert "  n: " not in str(error.value)


def test_an_end_that_only_a_type_gives_is_not_public():
    table = rules(
        "table t {\n a integer\n b integer\n day date\n later date\n"
        " rule more: b > a\n rule order: later >= day + 30 days\n rule half: a <= 3 * b\n}"
    )
    assert public(table, table.columns) == {}


def test_few_strings_of_a_pattern_are_public_categories():
    table = rules("table t { code text(3) matching /[A-C][0-9]/ }")
    rows = [{"code": "B7"}, {"code": "A0"}]
    vault = vault_of(table, rows)
    done = complete(vault, table, "refuse", vault.ledger.purse())
    assert vault.ledger.charges == ()
    assert len(done.found["code"].values) == 30
    brought = inside(vault, done.rows)
    back = done.restore(brought, np.random.default_rng(0))
    assert [back.pool[c] for c in back.codes[:, 0]] == ["B7", "A0"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-50, 50), max_size=20), st.floats(0.01, 0.99), st.data())
def test_the_score_of_an_end_moves_as_declared(values, quantile, data):
    """And somewhere it moves as much: the declared sensitivity is that of the score."""
    candidates = np.arange(-51, 52)

    def scores(of):
        below = (np.sort(of)[:, None] < candidates).sum(axis=0) if len(of) else 0 * candidates
        return -np.abs((1 - quantile) * below - quantile * (len(of) - below))

    new = data.draw(st.integers(-50, 50))
    added = np.abs(scores([*values, new]) - scores(values)).max()
    assert added <= quantile_sensitivity(Neighbours("add-remove"), quantile) + 1e-9
    if values:
        swapped = np.abs(scores([*values[1:], new]) - scores(values)).max()
        assert swapped <= quantile_sensitivity(Neighbours("replace"), quantile) + 1e-9
    extreme = [np.abs(scores([x]) - scores([])).max() for x in (-50, 50)]
    assert max(extreme) == pytest.approx(quantile_sensitivity(Neighbours(), quantile))


def test_an_exchange_may_move_a_score_by_one():
    """The bound is met: a value that changes sides counts 1 - q on one and q on the other."""

    def score(below, above, q):
        return -abs((1 - q) * below - q * above)

    moved = max(
        abs(score(b, a, q) - score(b - 1, a + 1, q))
        for b in range(1, 20)
        for a in range(20)
        for q in (0.01, 0.5, 0.99)
    )
    assert moved == pytest.approx(quantile_sensitivity(Neighbours("replace"), 0.5))


@settings(deadline=None)
@given(TYPES, st.integers(-(10**9), 10**9))
def test_coarse_cells_cover_a_column_without_a_gap(kind, code):
    column = Column("x", kind)
    axis = coarse_axis(column)
    assert (axis.lo[0], axis.hi[-1]) == domain(column)
    assert all(a == b + 1 for a, b in zip(axis.lo[1:], axis.hi[:-1], strict=True))
    lo, hi = domain(column)
    code = min(max(code, lo), hi)
    at = int(axis.cells(np.array([code]), np.array([False]))[0])
    assert axis.lo[at] <= code <= axis.hi[at]


@settings(deadline=None)
@given(st.integers(-(2**62), 2**62), st.integers(0, 2**62))
def test_candidates_lie_between_both_ends(lo, width):
    found = ends_within(lo, lo + width)
    assert (found[0], found[-1]) == (lo, lo + width)
    assert list(found) == sorted(set(found))
    assert len(found) <= ENDS


@pytest.mark.parametrize("kind", ["add-remove", "replace"])
def test_ranges_and_categories_are_estimated(kind):
    table = rules(
        "table t {\n n integer\n price decimal(9, 2) optional\n day date\n city text(10)\n"
        " note text(9) optional\n}"
    )
    rng = np.random.default_rng(5)
    rows = [
        {
            "n": int(rng.integers(-40, 900)),
            "price": None if k % 3 else Decimal(int(rng.integers(100, 5000))) / 100,
            "day": date(2011, int(rng.integers(1, 13)), 1),
            "city": ("Ulm", "Köln", "Bonn")[k % 3] if k % 500 else f"rare {k}",
            "note": f"{k}",
        }
        for k in range(3000)
    ]
    vault = vault_of(table, rows, epsilon=20.0, kind=kind)
    done = complete(vault, table, "estimate", vault.ledger.purse().share(0.5))
    n, price, day = (done.found[c] for c in ("n", "price", "day"))
    assert -64 <= n.lo <= -30
    assert 850 <= n.hi <= 1023
    assert 64 <= price.lo <= 200
    assert 4800 <= price.hi <= 8191
    assert encode_value(DateType(), date(2010, 1, 1)) <= day.lo
    assert day.lo <= encode_value(DateType(), date(2011, 2, 1))
    assert encode_value(DateType(), date(2011, 11, 1)) <= day.hi
    assert done.found["city"].values == ("Bonn", "Köln", "Ulm")
    assert done.found["note"] == MadeUp()
    assert done.table.column("city").type == EnumType(("Bonn", "Köln", "Ulm"))
    assert "note" not in done.table.column_names
    # The rows are beside the others, and fit.
    brought = inside(vault, done.rows)
    assert len(brought) == 3000
    assert brought.columns == done.table.column_names
    back = done.restore(brought, np.random.default_rng(1))
    assert back.columns == table.column_names
    assert back.column("note")[1].all()
    assert {back.pool[c] for c in back.column("city")[0]} == {"Bonn", "Köln", "Ulm"}
    assert len(done.in_words()) == 5
    assert vault.ledger.spent()[0] <= 20


def test_ranges_are_estimated_without_a_delta_by_pure_mechanisms():
    table = rules("table t { n integer in 0 ..\n m integer in .. 7 optional }")
    rows = [{"n": 1000 + k, "m": None if k % 2 else -k % 8} for k in range(2_000)]
    vault = vault_of(table, rows, epsilon=4.0, delta=0.0)
    done = complete(vault, table, "estimate", vault.ledger.purse(), most=2)
    assert (done.found["n"].lo, done.found["m"].hi) == (0, 7)
    assert 2_900 <= done.found["n"].hi <= 4_095
    assert -1 <= done.found["m"].lo <= 7
    epsilon, delta = vault.ledger.spent()
    assert delta == 0
    # What is left over was not asked for: ends that would have given up too much.
    assert 1.9 < epsilon <= 4.0 * (1 + 1e-9)


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_said_to_be_too_few(rows):
    table = rules("table t { n integer }")
    vault = vault_of(table, [{"n": 5}] * rows)
    with pytest.raises(BudgetError, match="too few values in n") as error:
        complete(vault, table, "estimate", vault.ledger.purse().share(0.1))
    assert "5" not in str(error.value).replace("0.5", "")


@pytest.mark.parametrize("rows", [0, 1])
def test_texts_of_too_few_rows_are_made_up(rows):
    table = rules("table t { note text(8)\n plate text(8) matching /[A-Z]{2}[0-9]{6}/ }")
    vault = vault_of(table, [{"note": "secret", "plate": "AB123456"}] * rows)
    done = complete(vault, table, "estimate", vault.ledger.purse().share(0.1))
    assert done.found == {"note": MadeUp(), "plate": MadeUp()}


def test_rules_that_speak_of_what_is_gone_are_set_aside():
    table = rules(
        "table t {\n id integer key\n city text(10)\n land enum('D', 'F')\n n integer in 0 .. 9\n"
        " rule near: when city = 'Ulm' then land = 'D'\n"
        " rule like_it: city like 'U%'\n"
        " rule id_size: id > n\n rule small: n < 8\n}"
    )
    assert named(table, "city") == ("Ulm",)
    done = Completed(table, ("city", "land", "n"), {"city": Categories(("Bonn", "Ulm"), "Bonn")})
    kept = {r.name for r in done.table.rules}
    assert {"near", "small"} <= kept
    assert "id_size" in done.set_aside
    assert kept | set(done.set_aside) == {r.name for r in table.rules}
    gone = Completed(table, ("city", "land", "n"), {"city": Categories(("Bonn",), "Bonn")})
    assert "near" in gone.set_aside
    # Texts that rules name are public: they are categories whatever the rows hold.
    vault = vault_of(table, [{"id": 1, "city": "Ulm", "land": "D", "n": 1}])
    estimated = complete(
        vault, table, "estimate", vault.ledger.purse().share(0.1), leave_out={"id"}
    )
    assert estimated.found["city"].values == ("Ulm",)


def test_rows_are_brought_one_by_one_and_keep_the_rules():
    """Moved into a range, a row may break a rule; it is left out then, as its neighbour is not."""
    table = rules("table t {\n a integer\n b integer\n city text(9)\n rule equal: a = b\n}")
    done = Completed(
        table,
        ("a", "b", "city"),
        {"a": Range(0, 10), "b": Range(0, 20), "city": Categories(("Ulm",), "Ulm")},
    )
    rows = [(3, 3, "Bonn"), (15, 15, "Ulm"), (-4, -4, "x"), (10, 10, "Ulm")]
    vault = vault_of(table, [dict(zip("ab", r[:2], strict=True), city=r[2]) for r in rows])
    whole = inside(vault, "t")
    brought = done.bring(whole)
    assert brought.codes.tolist() == [[3, 3, 0], [0, 0, 0], [10, 10, 0]]
    alone = [done.bring(whole.take(np.array([k]))).codes.tolist() for k in range(4)]
    assert [row for part in alone for row in part] == brought.codes.tolist()
    assert len(done.bring(whole.take(np.array([], dtype=np.int64)))) == 0


def test_what_was_found_is_kept_as_plain_data():
    table = rules(OPEN)
    done = Completed(
        table,
        ("n", "note", "plate"),
        {"n": Range(-3, 4), "note": Categories(("a",), None), "plate": MadeUp()},
    )
    assert Completed.from_dict(table, done.to_dict()) == done
    with pytest.raises(KeyError):
        Completed.from_dict(table, {"learned": ["n"], "found": {"n": {"kind": "guess"}}})


def test_made_up_texts_are_lawful():
    table = rules("table t { plate text(8) matching /[A-Z]{2}[0-9]{6}/\n n integer in 0 .. 3 }")
    done = Completed(table, ("plate", "n"), {"plate": MadeUp()})
    from_mechanism = done.bring(inside(vault_of(table, [{"plate": "AB123456", "n": 2}] * 9), "t"))
    back = done.restore(from_mechanism, np.random.default_rng(0))
    texts = [back.pool[c] for c in back.column("plate")[0]]
    assert len(set(texts)) > 5
    assert all(len(t) == 8 and t[2:].isdigit() for t in texts)


def test_ranges_of_real_data_hold_nearly_all_values():
    model = Model.load(ROOT / "rules" / "adult.rules").table()
    path = paths_of("adult", [model])["adult"]
    batch = take_in(model, path, "clamp").rows
    wide = {"age", "fnlwgt", "hours_per_week"}
    forgotten = replace(
        model,
        columns=tuple(replace(c, lo=None, hi=None) if c.name in wide else c for c in model.columns),
    )
    vault = Vault({"adult": batch}, Ledger(1.0, 1e-6))
    done = complete(vault, forgotten, "estimate", vault.ledger.purse().share(0.1))
    assert set(done.found) == wide
    for name in wide:
        codes, _ = read_batch(path, model.columns).column(name)
        lo, hi = domain(done.table.column(name))
        assert ((codes < lo) | (codes > hi)).mean() < 0.05
        assert hi - lo < 20 * (codes.max() - codes.min())
    assert vault.ledger.spent()[0] < 0.5
