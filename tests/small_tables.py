"""Random small tables with random rules, and all their rows, for brute force."""

import itertools
import random
from decimal import Decimal

import numpy as np

from synthtab.backends.vector import truth
from synthtab.ir import nodes
from synthtab.ir.nodes import (
    Add,
    And,
    Case,
    Coalesce,
    ColumnRef,
    Compare,
    DatePart,
    Divide,
    Iff,
    In,
    IsNull,
    Literal,
    Maximum,
    Multiply,
    Not,
    Or,
    RowRule,
    Shift,
    Subtract,
    Table,
    When,
)
from synthtab.ir.normalise import lower
from synthtab.schema import (
    BooleanType,
    Column,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    decode_value,
)

OPS = ("=", "!=", "<", "<=", ">", ">=")


def random_table(rng: random.Random) -> Table:
    columns = []
    for i in range(rng.randint(2, 4)):
        kind, lo, hi = rng.choice(
            [
                (IntegerType(), rng.randint(-4, 0), rng.randint(1, 5)),
                (DecimalType(4, 1), rng.randint(-4, 0), rng.randint(1, 6)),
                (EnumType(("a", "b", "c")), None, None),
                (BooleanType(), None, None),
                (DateType(), 25, 25 + rng.randint(2, 8)),
            ]
        )
        columns.append(Column(f"c{i}", kind, rng.random() < 0.3, lo, hi))
    table = Table("t", tuple(columns))
    rules = [RowRule(f"r{i}", condition(rng, table, 2)) for i in range(rng.randint(1, 4))]
    return Table("t", tuple(columns), tuple(rules))


def number(rng: random.Random, table: Table, depth: int) -> nodes.Term:
    numeric = [c for c in table.columns if isinstance(c.type, IntegerType | DecimalType)]
    dates = [c for c in table.columns if isinstance(c.type, DateType)]
    choice = rng.random()
    if dates and choice < 0.15:
        return DatePart(
            rng.choice(["month", "day", "year", "weekday"]), ColumnRef(rng.choice(dates).name)
        )
    if not numeric or choice < 0.3:
        return Literal(rng.choice([-3, 0, 1, 2, 5, Decimal("0.5")]))
    if depth == 0 or choice < 0.55:
        return ColumnRef(rng.choice(numeric).name)
    left, right = number(rng, table, depth - 1), number(rng, table, depth - 1)
    match rng.randint(0, 6):
        case 0:
            return Add(left, right)
        case 1:
            return Subtract(left, right)
        case 2:
            return Multiply(left, rng.choice([Literal(2), Literal(-3), right]))
        case 3:
            return Divide(left, Literal(rng.choice([2, 3])))
        case 4:
            return Maximum((left, right))
        case 5:
            return Coalesce((left, right))
        case _:
            return Case(((condition(rng, table, 0), left),), right)


def condition(rng: random.Random, table: Table, depth: int) -> nodes.Condition:
    if depth:
        a, b = condition(rng, table, depth - 1), condition(rng, table, depth - 1)
        pick = rng.randint(0, 6)
        made = {0: And((a, b)), 1: Or((a, b)), 2: Not(a), 3: When(a, b), 4: Iff(a, b)}
        if pick in made:
            return made[pick]
    column = rng.choice(table.columns)
    ref = ColumnRef(column.name)
    if rng.random() < 0.1:
        return IsNull(ref)
    match column.type:
        case EnumType(values):
            return In(ref, tuple(map(Literal, rng.sample(values, 2))))
        case BooleanType():
            return ref
        case DateType() if rng.random() < 0.7:
            day = decode_value(column.type, column.lo + rng.randint(0, 6))
            shifted = Shift(ref, Literal(rng.choice([1, -1, 12])), rng.choice(["days", "months"]))
            other = rng.choice([c for c in table.columns if c.type == column.type])
            return Compare(
                rng.choice(OPS),
                rng.choice([ref, shifted]),
                rng.choice([Literal(day), ColumnRef(other.name)]),
            )
    return Compare(rng.choice(OPS), number(rng, table, 1), number(rng, table, 1))


def all_rows(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Every combination of codes and NULLs within the columns' domains, NULL as code 0."""
    options = []
    for c in table.columns:
        lo = 0 if c.lo is None else c.lo
        hi = c.hi if c.hi is not None else (2 if isinstance(c.type, EnumType) else 1)
        cells = [(v, False) for v in range(lo, hi + 1)]
        options.append(cells + [(0, True)] * c.optional)
    rows = list(itertools.product(*options))
    codes = np.array([[cell[0] for cell in row] for row in rows], dtype=np.int64)
    nulls = np.array([[cell[1] for cell in row] for row in rows], dtype=bool)
    return codes, nulls


def lawful(table: Table, codes: np.ndarray, nulls: np.ndarray) -> np.ndarray:
    env = {n: (codes[:, i], nulls[:, i]) for i, n in enumerate(table.column_names)}
    ok = np.ones(len(codes), bool)
    for rule in table.row_rules:
        ok &= ~np.broadcast_to(truth(lower(rule.condition, table), env)[1], ok.shape)
    return ok
