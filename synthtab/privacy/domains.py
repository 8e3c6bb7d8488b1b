"""Ranges and categories that the rules file does not give: refused, or estimated under the budget.

What the rules file declares is public, and so is what its rules imply: an end that they prove, the
strings of a pattern that has few, the texts that a rule names. The rest is known from real rows
alone. Of a range, noisy counts in coarse public cells (lengths in bits, decades) tell between which
its values lie, as in the approximate bounds of Wilson et al., "Differentially private SQL with
bounded user contribution", 2020; its ends are then quantiles, chosen by the exponential mechanism
among public candidates between. Of texts those are named that pass a threshold. The table that
comes out has a finite public range for every column, and its real rows, made to fit one by one, are
in the vault beside the old ones.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from synthtab.distinct.automaton import TooLargeError
from synthtab.distinct.language import language
from synthtab.errors import BudgetError, UsageError
from synthtab.ir import nodes
from synthtab.ir.walk import descendants
from synthtab.lang.quoting import write_name
from synthtab.privacy.candidates import coarse_axis, ends_within
from synthtab.privacy.categories import NameCategories, threshold_for
from synthtab.privacy.completed import Categories, Completed, Found, MadeUp, Range
from synthtab.privacy.grid import Grid
from synthtab.privacy.ledger import Purse
from synthtab.privacy.mechanisms import CountNoise, Exponential, count_noise, selection
from synthtab.privacy.readers import ChooseQuantile, CountCells
from synthtab.privacy.settings import Neighbours, Unknown
from synthtab.privacy.vault import Vault
from synthtab.schema import Column, TextType, domain, type_domain
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import Inquiry, rule_claims
from synthtab.solver.reach import End, greatest, least

STRINGS = 1024
"""A pattern of at most so many strings is a list of public categories."""
IMPLIED_S = 2.0
"""Seconds for asking the rules about ends of ranges."""
COARSE_SHARE = 0.5
"""Of the budget of a column's range, what a first look at coarse cells gets."""
LUCK = 0.001
"""The chance that some empty cell of a first look is taken for one that has values."""
SURE = 3.0
"""Minus the logarithm of the chance that an end gives up more values than it is to."""
MOST_BEYOND = 0.01
"""Where more than this share of values would be given up on a side, the coarse end stays."""
DELTA_SHARE = 0.1
"""Of the ledger's delta, what thresholds get where nothing else is said."""


class Open(NamedTuple):
    """A column whose values are not public: which ends of its range, or its texts."""

    column: Column
    low: bool
    high: bool

    @property
    def text(self) -> bool:
        """Whether it is texts that are not known."""
        return isinstance(self.column.type, TextType)

    @property
    def unknown(self) -> bool:
        """Whether anything is not known."""
        return self.text or self.low or self.high


def complete(
    vault: Vault,
    table: nodes.Table,
    unknown: Unknown,
    purse: Purse,
    *,
    delta: float | None = None,
    leave_out: Collection[str] = (),
    most: int = 1,
) -> Completed:
    """Return a table whose columns all have finite public ranges; its rows go into the vault.

    The vault holds the rows of ``table`` under its name, and after this call those of the completed
    table under :attr:`Completed.rows`. ``unknown`` says what becomes of a column without a declared
    range or list: under ``refuse`` it is an error, under ``estimate`` the purse pays for choosing
    one, in equal parts for each such column, and ``delta`` (by default a tenth of the ledger's) for
    naming texts. The ledger's purse is to be looked at again afterwards. Columns in ``leave_out``,
    such as keys, are not in the completed table. ``most`` is how many rows one unit may have.

    Raises UsageError, before anything is read, for such columns under ``refuse``, and for texts
    where there is no delta; BudgetError where the purse is too small to tell anything.
    """
    learned = [c for c in table.columns if c.name not in leave_out]
    found = public(table, learned)
    open_ = _undeclared(learned, found)
    if open_ and unknown == "refuse":
        raise UsageError(_refusal(table, open_))
    texts = [o for o in open_ if o.text]
    failure = DELTA_SHARE * vault.ledger.delta if delta is None else delta
    if texts and not failure > 0:
        raise UsageError(
            f"texts of table {table.name!r} ({_names(texts)}) can be named only with a delta above "
            "0: give one, or declare an enum or a pattern of few strings"
        )
    part = purse.share(1 / max(len(open_), 1))
    for o in open_:
        if o.text:
            share = failure / len(texts)
            found[o.column.name] = _texts(vault, table, o.column, part, share, most)
        else:
            found[o.column.name] = _range(vault, table, o, part, most)
    names = tuple(c.name for c in learned)
    done = Completed(table, names, {n: found[n] for n in names if n in found})
    if done.rows != table.name:
        vault.derive(done.rows, table.name, done.bring)
    return done


def refuse_undeclared(table: nodes.Table, leave_out: Collection[str] = ()) -> None:
    """Raise UsageError where a column has no public range or list; no rows are needed to tell."""
    learned = [c for c in table.columns if c.name not in leave_out]
    open_ = _undeclared(learned, public(table, learned))
    if open_:
        raise UsageError(_refusal(table, open_))


def _undeclared(columns: Collection[Column], found: Mapping[str, Found]) -> list[Open]:
    return [
        o
        for c in columns
        if not isinstance(found.get(c.name), Categories)
        and (o := _open(_narrowed(c, found.get(c.name)))).unknown
    ]


def public(table: nodes.Table, columns: Collection[Column]) -> dict[str, Found]:
    """Return what is public of columns beyond their declarations, nothing where these suffice.

    A range may be known on one side only: its other end is then that of the type.
    """
    found: dict[str, Found] = {}
    for column in columns:
        if isinstance(column.type, TextType) and (strings := _few(column.type)):
            found[column.name] = Categories(strings, None)
    asked = [c for c in columns if not isinstance(c.type, TextType) and _open(c).unknown]
    if not asked or not table.row_rules:
        return found
    narrower = {n: r for n, r in _implied(table, asked).items() if r != domain(table.column(n))}
    if not narrower:
        return found
    # `b > a` gives b a lower end because the type of a has one. Such an end moves with the type's.
    halved = replace(table, columns=tuple(map(_halved, table.columns)))
    again = _implied(halved, [halved.column(name) for name in narrower])
    for name, (lo, hi) in narrower.items():
        least_, greatest_ = domain(table.column(name))
        sure = (lo if again[name][0] == lo else least_, hi if again[name][1] == hi else greatest_)
        if sure != (least_, greatest_):
            found[name] = Range(*sure)
    return found


def _implied(table: nodes.Table, columns: Collection[Column]) -> dict[str, tuple[int, int]]:
    """Return the ends of columns that rules prove, those of their domains where none was proved."""
    inquiry = Inquiry(table, rule_claims(table, table.row_rules), Deadline(IMPLIED_S))
    found = {}
    for column in columns:
        lo, hi = domain(column)
        low, high = least(inquiry, column.name), greatest(inquiry, column.name)
        found[column.name] = (
            low.sure if isinstance(low, End) and low.decided else lo,
            high.sure if isinstance(high, End) and high.decided else hi,
        )
    return found


def _halved(column: Column) -> Column:
    """Return a column with half of its type's range on the sides that are not declared."""
    open_ = _open(column)
    if open_.text or not open_.unknown:
        return column
    lo, hi = domain(column)
    return replace(column, lo=lo // 2 if open_.low else lo, hi=hi // 2 if open_.high else hi)


def named(table: nodes.Table, column: str) -> tuple[str, ...]:
    """Return the texts that rules compare a column with: the rules are public, and so are they."""
    found: dict[str, None] = {}
    for rule in table.row_rules:
        for node in descendants(rule.condition):
            found.update(dict.fromkeys(_compared(node, column)))
    kind = table.column(column).type
    longest = kind.max_length if isinstance(kind, TextType) else 0
    return tuple(text for text in found if len(text) <= longest)


def quantile_sensitivity(neighbours: Neighbours, quantile: float, most: int = 1) -> float:
    """Return by how much one unit of ``most`` rows changes the score of a candidate end.

    A value counts 1 - q below a candidate and q above it, on opposite sides of zero. One that comes
    or goes changes the score by the larger of these; one that is exchanged may go from one side to
    the other, which is 1.
    """
    one = 1.0 if neighbours.kind == "replace" else max(quantile, 1 - quantile)
    return most * one


def _narrowed(column: Column, found: Found | None) -> Column:
    """Return a column with the ends that were found of its range."""
    if not isinstance(found, Range):
        return column
    lo, hi = type_domain(column.type)
    return replace(
        column,
        lo=found.lo if found.lo > lo else column.lo,
        hi=found.hi if found.hi < hi else column.hi,
    )


def _open(column: Column) -> Open:
    if isinstance(column.type, TextType):
        return Open(column, True, True)
    lo, hi = type_domain(column.type)
    if hi - lo < STRINGS:
        return Open(column, False, False)  # booleans, enums, decimals of a few digits
    return Open(column, column.lo is None, column.hi is None)


def _few(kind: TextType) -> tuple[str, ...]:
    """Return the strings of a pattern, where they are few; none else."""
    if kind.pattern is None:
        return ()
    try:
        strings = language(kind)
    except TooLargeError:
        return ()
    if not strings.size <= STRINGS:
        return ()
    return tuple(sorted(strings.one(k) for k in range(strings.size)))


def _compared(node: nodes.Node, column: str) -> list[str]:
    match node:
        case nodes.Compare(_, nodes.ColumnRef(name), nodes.Literal(str(text))):
            return [text] if name == column else []
        case nodes.Compare(_, nodes.Literal(str(text)), nodes.ColumnRef(name)):
            return [text] if name == column else []
        case nodes.In(nodes.ColumnRef(name), options):
            return [o.value for o in options if name == column and isinstance(o.value, str)]
    return []


def _texts(
    vault: Vault, table: nodes.Table, column: Column, purse: Purse, failure: float, most: int
) -> Found:
    noise = count_noise(purse, vault.neighbours, most)
    known = named(table, column.name)
    threshold = threshold_for(noise, failure, most)
    reader = NameCategories(table.name, column.name, known, noise, threshold, most)
    counts = vault.release(reader)
    if not counts:
        return MadeUp()
    fallback = None if column.optional else max(counts, key=lambda text: counts[text])
    return Categories(tuple(counts), fallback)


def _range(vault: Vault, table: nodes.Table, open_: Open, purse: Purse, most: int) -> Found:
    """Look for the outermost coarse cells that have values, then closer for what few lie beyond."""
    column = open_.column
    axis = coarse_axis(column)
    noise = count_noise(purse.share(COARSE_SHARE), vault.neighbours, most)
    why = "a range that the rules do not declare"
    grid = Grid((axis,))
    counts = vault.release(CountCells(table.name, grid, (column.name,), noise, why))
    counts = counts[: len(axis.lo)]
    there = np.flatnonzero(counts >= _surely(noise, len(axis.lo)))
    if not len(there):
        raise BudgetError(
            f"table {table.name!r} has too few values in {write_name(column.name)} for a range to "
            "be told from noise with this budget: declare a range, or raise epsilon"
        )
    lo, hi = domain(column)
    lo = axis.lo[there[0]] if open_.low else lo
    hi = axis.hi[there[-1]] if open_.high else hi
    values = float(counts[there].sum()) - 2 * noise.spread
    share = purse.share((1 - COARSE_SHARE) / (open_.low + open_.high))
    candidates = ends_within(lo, hi)
    beyond = _beyond(selection(share, most), len(candidates), values)
    if beyond > MOST_BEYOND:
        return Range(lo, hi)
    chosen = [lo, hi]
    for at, is_open, quantile in ((0, open_.low, beyond), (1, open_.high, 1 - beyond)):
        if is_open:
            sensitivity = quantile_sensitivity(vault.neighbours, quantile, most)
            mechanism = selection(share, sensitivity)
            reader = ChooseQuantile(table.name, column.name, quantile, candidates, mechanism)
            chosen[at] = vault.release(reader)
    return Range(min(chosen), max(chosen))


def _surely(noise: CountNoise, cells: int) -> int:
    """Return a count that none of so many empty cells is likely to show."""
    return threshold_for(noise, LUCK / cells, 0)


def _beyond(mechanism: Exponential, candidates: int, values: float) -> float:
    """Return the share of values to be given up on each side for the choice to be a good one.

    The exponential mechanism misses by more values than this has with a chance of exp(-SURE) at
    most (McSherry and Talwar, "Mechanism design via differential privacy", 2007).
    """
    missed = 2 * mechanism.sensitivity * (math.log(candidates) + SURE) / mechanism.epsilon
    return missed / values if values > 0 else math.inf


def _names(open_: Collection[Open]) -> str:
    return ", ".join(write_name(o.column.name) for o in open_)


def _refusal(table: nodes.Table, open_: Collection[Open]) -> str:
    ways = []
    for o in open_:
        name = write_name(o.column.name)
        if o.text:
            ways.append(f"  {name}: free text; declare an enum, or a pattern of few strings")
        else:
            lacking = "range" if o.low and o.high else "lower end" if o.low else "upper end"
            ways.append(f"  {name}: no {lacking} is declared; declare `in low .. high`")
    return "\n".join(
        [
            f"table {table.name!r} has columns whose values only the real rows would tell, which a "
            "privacy budget does not let be looked at unasked:",
            *ways,
            "or let them be estimated under the budget, with domains='estimate'",
        ]
    )
