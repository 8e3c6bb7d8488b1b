"""The generator with no data: rows uniform over what rules allow, compared with all of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from itertools import product

import numpy as np
import pytest

from synthtab.batch import Batch, Codes, Mask
from synthtab.draw import draw_rows
from synthtab.errors import UsageError
from synthtab.generate.guide import Given
from synthtab.generate.uniform import UniformGenerator
from synthtab.hints import KINDS
from synthtab.ir import nodes
from synthtab.ir.evaluate import evaluate
from synthtab.lang.model import Model
from synthtab.schema import domain
from synthtab.solver.feasible import Feasible
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan

SMALL = """table t {
  kind enum('a', 'b')
  x    integer in 0 .. 4
  y    integer in 0 .. 4 optional
  z    integer in 0 .. 8
  flag boolean
  rule sum: z = x + coalesce(y, 0)
  rule order: y >= x
  rule only: when kind = 'a' then x <= 1 and not flag
  rule null_y: when flag then y is null or y != 3
}"""


def made(text: str) -> tuple[nodes.Table, UniformGenerator, Plan]:
    table = Model.parse(text).table()
    plan = compile_plan(table)
    return table, UniformGenerator(table, plan.domains, plan.order), plan


def every_row(table: nodes.Table) -> dict[tuple[int | None, ...], float]:
    """Return all lawful rows with their probability, by trying every combination."""
    found: dict[tuple[int | None, ...], float] = {}
    options = []
    for column in table.columns:
        lo, hi = domain(column)
        options.append([*range(lo, hi + 1), *([None] if column.optional else [])])
    shares = [(0.9 if None in o else 1.0) / len([v for v in o if v is not None]) for o in options]
    names = table.column_names
    for row in product(*options):
        values = {
            n: None if v is None else bool(v) if n == "flag" else "ab"[v] if n == "kind" else v
            for n, v in zip(names, row, strict=True)
        }
        if all(evaluate(r.condition, values, table) is not False for r in table.row_rules):
            found[row] = float(
                np.prod([0.1 if v is None else s for v, s in zip(row, shares, strict=True)])
            )
    whole = sum(found.values())
    return {row: share / whole for row, share in found.items()}


def rows_of(batch: Batch) -> list[tuple[int | None, ...]]:
    return [
        tuple(None if null else int(code) for code, null in zip(*row, strict=True))
        for row in zip(batch.codes, batch.nulls, strict=True)
    ]


def test_each_row_comes_as_often_as_it_should() -> None:
    table, generator, plan = made(SMALL)
    wanted = every_row(table)
    n = 20_000
    batch, counts = draw_rows(table, generator, plan, n, mode="solver+weighted", seed=4)
    assert counts.mended == counts.malformed == counts.broken == 0
    seen = Counter(rows_of(batch))
    assert set(seen) <= set(wanted)
    rows = [r for r in wanted if wanted[r] * n > 5]
    excess = sum((seen[r] - n * wanted[r]) ** 2 / (n * wanted[r]) for r in rows)
    assert len(rows) > 40
    assert excess < len(rows) + 5 * (2 * len(rows)) ** 0.5


def test_weights_are_the_mass_that_is_left() -> None:
    table, generator, plan = made(SMALL)
    wanted = every_row(table)
    drawn = generator.draw(60_000, level="solver", guide=plan, seed=1)
    weight = np.exp(drawn.log_weight)
    total: dict[tuple[int | None, ...], float] = {}
    for row, w in zip(rows_of(drawn.batch), weight, strict=True):
        total[row] = total.get(row, 0.0) + w / weight.sum()
    assert set(total) == set(wanted)
    assert sum(abs(total[r] - wanted[r]) for r in wanted) < 0.05


def test_free_rows_keep_to_the_ranges() -> None:
    table, generator, _ = made(SMALL)
    drawn = generator.draw(2_000, level="free", seed=1)
    assert not drawn.log_weight.any()
    assert not drawn.dead.any()
    for at, column in enumerate(table.columns):
        lo, hi = domain(column)
        assert set(drawn.batch.codes[:, at]) == set(range(lo, hi + 1))
        assert drawn.batch.nulls[:, at].any() == column.optional


def test_seeds() -> None:
    _, generator, plan = made(SMALL.replace("flag boolean", "flag boolean name text(9)"))
    one, two, other = (generator.draw(50, guide=plan, seed=s).batch for s in (1, 1, 2))
    assert (one.codes == two.codes).all()
    assert list(one.pool) == list(two.pool)
    assert (one.codes != other.codes).any()


def test_what_is_given_is_kept_and_guides() -> None:
    text = """table t {
      parent_name text(20)
      budget integer in 0 .. 100
      name   text(20)
      part   integer in 0 .. 100
      rule within: part <= budget
      rule named: name = parent_name or part = 0
    }"""
    whole = Model.parse(text).table()
    order = ("parent_name", "budget", "name", "part")
    plan = compile_plan(whole, order=order)
    generator = UniformGenerator(whole, plan.domains, order[2:])
    assert [c.name for c in generator.columns] == ["name", "part"]
    rows = 500
    budget = np.arange(rows) % 101
    nobody = np.zeros(rows, dtype=bool)
    pool = np.array(["unused", "Ada", "Bob"], dtype=object)
    known = {"budget": (budget, nobody), "parent_name": (1 + np.arange(rows) % 2, nobody)}
    no_columns = np.zeros((rows, 0), dtype=np.int64), np.zeros((rows, 0), dtype=bool)
    none = Batch((), *no_columns, np.empty(0, dtype=object))
    drawn = generator.draw(rows, guide=plan, seed=0, given=Given(none, known, pool=pool))
    assert drawn.batch.columns == ("name", "part")
    codes, _ = drawn.batch.column("part")
    names = drawn.batch.pool[drawn.batch.column("name")[0]]
    parents = pool[known["parent_name"][0]]
    assert (codes <= budget).all()
    assert ((names == parents) | (codes == 0)).all()

    # A column of its own that is known beforehand, with strings of another pool.
    given_names = np.array(["Bob", "Eve"], dtype=object)
    first = Batch(("name",), (np.arange(rows) % 2)[:, None], np.zeros((rows, 1), bool), given_names)
    drawn = generator.draw(rows, guide=plan, seed=0, given=Given(first, known, pool=pool))
    names = drawn.batch.pool[drawn.batch.column("name")[0]]
    assert list(names[:4]) == ["Bob", "Eve", "Bob", "Eve"]
    codes, _ = drawn.batch.column("part")
    assert ((names == parents) | (codes == 0)).all()
    with pytest.raises(UsageError, match="500 rows are given, and 3 are"):
        generator.draw(3, guide=plan, given=Given(first, known, pool=pool))


class Nothing:
    """A guide that leaves nothing of x in odd rows."""

    def constrained(self, column: str) -> bool:
        return column == "x"

    def feasible(
        self, column: str, known: Mapping[str, tuple[Codes, Mask]], pool: np.ndarray
    ) -> Feasible:
        rows = len(next(iter(known.values()))[0])
        hi = np.where(np.arange(rows) % 2, -1, 4)[:, None]
        return Feasible(np.zeros(rows, dtype=bool), np.zeros((rows, 1), dtype=np.int64), hi)


def test_dead_ends_are_told() -> None:
    _, generator, _ = made(SMALL)
    drawn = generator.draw(10, guide=Nothing(), seed=0)
    assert (drawn.dead == np.arange(10) % 2).all()
    assert (drawn.malformed == drawn.dead).all()


def test_arguments_out_of_range() -> None:
    _, generator, plan = made(SMALL)
    with pytest.raises(UsageError, match="at least 1"):
        generator.draw(0, guide=plan)
    with pytest.raises(UsageError, match="needs a guide"):
        generator.draw(1)
    with pytest.raises(UsageError, match="none of"):
        generator.draw(1, level="magic")  # type: ignore[arg-type]


def test_texts_follow_the_rules_about_them() -> None:
    table, generator, plan = made("""table t {
      code  text(6) matching /[A-Z]{2}[0-9]{1,4}/
      lang  text(2)
      mail  text(30)
      alias text(30) optional ~ null 50%
      kind  enum('x', 'y', 'z')
      rule lang: lang in ('de', 'en', 'fr')
      rule mail: mail like '%@%' and length(mail) >= 6
      rule alias: alias = mail
      rule kind: when kind = 'x' then code matching /AB.*/
      rule dutch: when code = 'NL1' then kind = 'y'
    }""")
    batch, counts = draw_rows(table, generator, plan, 600, mode="solver", seed=0)
    # Only equality of two texts takes luck.
    assert counts.drawn < 3_000
    codes = batch.pool[batch.column("code")[0]]
    kinds = batch.column("kind")[0]
    assert all(c.startswith("AB") for c in codes[kinds == 0])
    assert (kinds[codes == "NL1"] == 1).all()
    assert (codes == "NL1").any()
    alias, nulls = batch.column("alias")
    assert (alias == batch.column("mail")[0])[~nulls].all()
    assert (~nulls).any()


def test_every_kind_of_text() -> None:
    lines = "\n".join(f"  c{k} text(60) ~ like_{kind}" for k, kind in enumerate(KINDS))
    table, generator, plan = made(f"table t {{\n{lines}\n  mail text(12) ~ like_email unique\n}}")
    batch, _ = draw_rows(table, generator, plan, 40, mode="solver", seed=0)
    column = dict(zip(table.column_names, batch.codes.T, strict=True))
    emails = batch.pool[column[f"c{list(KINDS).index('email')}"]]
    assert all("@example." in e for e in emails)
    assert len(set(emails)) == 40
    assert all(len(t) <= 12 for t in batch.pool[column["mail"]])
    again, _ = draw_rows(table, generator, plan, 40, mode="solver", seed=0)
    assert list(again.pool[again.codes[:, 0]]) == list(batch.pool[batch.codes[:, 0]])


def test_patterns_come_before_kinds_of_text() -> None:
    table, generator, plan = made(
        "table t { iban text(22) matching /GB[0-9]{2}[A-Z]{4}[0-9]{14}/ ~ like_iban\n"
        " zip text(5) matching /[0-9]{3}/ ~ like_postcode }"
    )
    batch, counts = draw_rows(table, generator, plan, 50, mode="solver", seed=0)
    assert counts.drawn == 50
    assert all(t.startswith("GB") for t in batch.pool[batch.codes[:, 0]])
    assert all(len(t) == 3 for t in batch.pool[batch.codes[:, 1]])


def test_faker_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faker", None)
    _, generator, plan = made("table t { job text(9) unique ~ like_job }")
    with pytest.raises(UsageError, match=r"like_job.*pip install 'synthtab\[names\]'"):
        generator.draw(3, guide=plan)
