"""From parsed English to comparisons: what is said is fitted to the type of what it is said of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from synthtab.ir import nodes
from synthtab.ir.references import follow, references
from synthtab.ir.types import BooleanT, DateT, DatetimeT, NumberT, StringT, TermType
from synthtab.ir.typing import infer
from synthtab.lang.lexicon import normal, words_of
from synthtab.lang.readfigures import FigureReader
from synthtab.lang.readterms import Amount, Misfit, Said, Word
from synthtab.lang.write import format_node

_OPERATORS: tuple[tuple[str, nodes.CompareOp], ...] = (
    (r"different|other|not equal|not the same", "!="),
    (r"(no|not) (less|fewer|earlier|lower|smaller|under|below|before|younger)", ">="),
    (r"(no|not) (more|greater|above|over|higher|larger|later|after|older)", "<="),
    (r"at least|minimum|>=|or after|after or|\bfrom\b|since", ">="),
    (r"at most|maximum|up to|<=|or before|before or|\bby\b|until", "<="),
    (r"exactly|equal|the same|identical|^=$", "="),
    (r"more|greater|higher|larger|bigger|longer|above|over|>|after|later|older", ">"),
    (r"less|fewer|lower|smaller|shorter|below|under|<|before|earlier|prior|younger", "<"),
)
# Names of columns that leave their unit open.
_UNITLESS = ("age", "duration", "length", "term", "nights")
_OPPOSITE: dict[str, nodes.CompareOp] = {
    "=": "!=",
    "!=": "=",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
}
_TURNED: dict[str, nodes.CompareOp] = {
    "=": "=",
    "!=": "!=",
    "<": ">",
    ">": "<",
    "<=": ">=",
    ">=": "<=",
}


def operator(words: str) -> nodes.CompareOp:
    """Return the comparison that words such as "no more than" or "on or after" stand for."""
    said = normal(words)
    return next(op for pattern, op in _OPERATORS if re.search(pattern, said))


def negated(condition: nodes.Condition) -> nodes.Condition:
    """Return the opposite of a condition, without a `not` where there is a plainer way.

    The two are TRUE, FALSE and UNKNOWN in the same rows (NULLs included).
    """
    match condition:
        case nodes.Compare(op, left, right):
            return nodes.Compare(_OPPOSITE[op], left, right)
        case nodes.Not(operand):
            return operand
        case nodes.And(args):
            return any_of([negated(a) for a in args])
        case nodes.Or(args):
            return all_of([negated(a) for a in args])
        case nodes.When(premise, conclusion):
            return all_of((premise, negated(conclusion)))
        case nodes.ColumnRef() as flag:
            return nodes.Not(flag)
    return nodes.Not(condition)


def any_of(conditions: Sequence[nodes.Condition]) -> nodes.Condition:
    """Return conditions joined by `or`; values of one column become one list."""
    lists = [_listed(c) for c in conditions]
    if lists and all(x is not None and x[0] == lists[0][0] for x in lists):  # type: ignore[index]
        return nodes.In(lists[0][0], tuple(o for x in lists if x is not None for o in x[1]))  # type: ignore[index]
    if len(conditions) == 1:
        return conditions[0]
    parts = [p for c in conditions for p in (c.args if isinstance(c, nodes.Or) else (c,))]
    return nodes.Or(tuple(parts))


def _listed(condition: nodes.Condition) -> tuple[nodes.Term, tuple[nodes.Literal, ...]] | None:
    match condition:
        case nodes.Compare("=", left, nodes.Literal() as right):
            return left, (right,)
        case nodes.In(operand, options):
            return operand, options
    return None


def all_of(conditions: Sequence[nodes.Condition]) -> nodes.Condition:
    """Return conditions joined by `and`; what a column must not be becomes one list."""
    if len(conditions) > 1 and all(
        isinstance(c, nodes.Compare) and c.op == "!=" and isinstance(c.right, nodes.Literal)
        for c in conditions
    ):
        joined = any_of([negated(c) for c in conditions])
        if isinstance(joined, nodes.In):
            return nodes.Not(joined)
    parts = [p for c in conditions for p in (c.args if isinstance(c, nodes.And) else (c,))]
    return nodes.And(tuple(parts)) if len(parts) > 1 else parts[0]


class CompareReader(FigureReader):
    """Adds comparisons to the terms."""

    def kind(self, term: nodes.Term) -> TermType:
        """Return the type of a term; Misfit where it has none."""
        kind = infer(term, self.table, self.world.tables.values())
        if kind is None:
            raise Misfit(f"`{format_node(term)}` does not fit together", 2)
        return kind

    def relate(self, op: nodes.CompareOp, left: Said, right: Said) -> nodes.Condition:
        """Return a comparison of two things said, one of which has a type."""
        if isinstance(left, Word | Amount):
            if isinstance(right, Word | Amount):
                raise Misfit("a rule compares a column with something", 2)
            return self.relate(_TURNED[op], right, left)
        if left == right:
            raise Misfit("something is compared with itself", 2)
        kind = self.kind(left)
        self._no_identifiers(op, left, right)
        match right:
            case Word(text):
                return nodes.Compare(op, left, self.text_of(left, kind, text))
            case Amount():
                return self._with_amount(op, left, kind, right)
        other = self.kind(right)
        if isinstance(kind, DatetimeT) and isinstance(other, DateT):
            left = nodes.DatePart("date", left)
        elif isinstance(kind, DateT) and isinstance(other, DatetimeT):
            right = nodes.DatePart("date", right)
        elif type(kind) is not type(other):
            raise Misfit(
                f"`{format_node(left)}` and `{format_node(right)}` are of different types", 3
            )
        return nodes.Compare(op, left, right)

    def text_of(self, left: nodes.Term, kind: TermType, text: str) -> nodes.Literal:
        """Return a word as a constant of the type of ``left``."""
        if isinstance(kind, BooleanT) and text.lower() in ("true", "false", "yes", "no"):
            return nodes.Literal(text.lower() in ("true", "yes"))
        if not isinstance(kind, StringT):
            raise Misfit(f"“{text}” is no value of `{format_node(left)}`", 3)
        if kind.values is None or text in kind.values:
            return nodes.Literal(text)
        for value in kind.values:
            senses = self.world.lexicon.senses("VALUE", text)
            if value.lower() == text.lower() or value in {s.value for s in senses}:
                return nodes.Literal(value)
        shown = ", ".join(f"'{v}'" for v in kind.values[:8])
        raise Misfit(f"“{text}” is not a value of `{format_node(left)}`: it has {shown}", 4)

    def _with_amount(
        self, op: nodes.CompareOp, left: nodes.Term, kind: TermType, right: Amount
    ) -> nodes.Condition:
        if isinstance(kind, DateT | DatetimeT):
            return self._with_year(op, left, kind, right)
        if isinstance(kind, StringT):
            text = str(right.number)
            return nodes.Compare(op, left, self.text_of(left, kind, text))
        if not isinstance(kind, NumberT):
            raise Misfit(f"`{format_node(left)}` is no number to compare with {right.number}", 3)
        if _is_time(left):
            if right.unit in ("months", "years"):
                raise Misfit(f"{right.unit} have no fixed length: say days or weeks", 4)
            if right.unit is None:
                return nodes.Compare(op, left, nodes.Literal(right.number, right.constant))
            return nodes.Compare(op, left, self.plain(right))
        self._unit_fits(left, right)
        return nodes.Compare(op, left, nodes.Literal(right.number, right.constant))

    def _unit_fits(self, left: nodes.Term, right: Amount) -> None:
        """A number column has the unit in its name, `hours` of weekly_hours, or is an age."""
        if right.unit is None or not isinstance(left, nodes.ColumnRef | nodes.ParentRef):
            if right.unit is not None:
                raise Misfit(f"`{format_node(left)}` is not counted in {right.unit}", 4)
            return
        words = words_of(left.name if isinstance(left, nodes.ColumnRef) else left.column)
        if not {right.unit, right.unit.rstrip("s"), *_UNITLESS} & set(words):
            raise Misfit(f"`{format_node(left)}` is not counted in {right.unit}", 4)

    def _with_year(
        self, op: nodes.CompareOp, left: nodes.Term, kind: TermType, right: Amount
    ) -> nodes.Condition:
        """Compare a time with a year: after 2020 is after its last day."""
        year = right.number
        if right.unit is not None or not isinstance(year, int) or not 1000 <= year <= 9999:
            raise Misfit(f"`{format_node(left)}` is a date, and {right.number} is none", 3)
        if op in ("=", "!="):
            return nodes.Compare(op, nodes.DatePart("year", left), nodes.Literal(year))
        end = date(year, 12, 31) if op in (">", "<=") else date(year, 1, 1)
        day = nodes.DatePart("date", left) if isinstance(kind, DatetimeT) else left
        return nodes.Compare(op, day, nodes.Literal(end))

    def _no_identifiers(self, op: nodes.CompareOp, left: nodes.Term, right: Said) -> None:
        """Refuse to compare what names a row with a plain number: `salary > manager_id`."""
        one = self._names_row(left)
        if isinstance(right, Word | nodes.Literal):
            return
        if isinstance(right, Amount):
            if one and op not in ("=", "!=") and self._is_identifier(left):
                raise Misfit(
                    f"`{format_node(left)}` only tells rows apart: it is not more or less", 4
                )
            return
        if one != self._names_row(right):
            named = left if one else right
            raise Misfit(
                f"`{format_node(named)}` names a row: say which of its columns, as in “the "
                "manager's salary”",
                4,
            )

    def _is_identifier(self, term: nodes.Term) -> bool:
        """Say whether a column only tells rows apart: a reference, or a key called `id`."""
        if not isinstance(term, nodes.ColumnRef):
            return False
        referring = any(term.name in r.columns for r in references(self.table))
        return referring or words_of(term.name)[-1:] == ["id"]

    def _names_row(self, term: nodes.Term) -> bool:
        """Say whether a term is a reference, or a key of one column."""
        table = self.table
        match term:
            case nodes.ColumnRef(name):
                pass
            case nodes.ParentRef(path, name):
                table = follow(path, table, self.world.tables)[1]
            case nodes.Previous(operand):
                return self._names_row(operand)
            case _:
                return False
        if any(name in r.columns for r in references(table)):
            return True
        keys = (r for r in table.rules if isinstance(r, nodes.UniqueRule) and r.primary)
        return any(r.columns == (name,) for r in keys)

    def between(self, subject: nodes.Term, lo: Said, hi: Said) -> nodes.Condition:
        """Return ``subject between lo and hi``."""
        if isinstance(lo, Amount) and isinstance(hi, Amount) and lo.unit is None:
            lo = replace(lo, unit=hi.unit)
        ends = [self.relate(">=", subject, lo), self.relate("<=", subject, hi)]
        assert all(isinstance(e, nodes.Compare) for e in ends)
        low, high = ends[0], ends[1]
        assert isinstance(low, nodes.Compare)
        assert isinstance(high, nodes.Compare)
        return nodes.Between(low.left, low.right, high.right)


def _is_time(term: nodes.Term) -> bool:
    """Say whether a number is a length of time, in days."""
    match term:
        case nodes.Subtract(left, _):
            return not isinstance(left, nodes.Literal | nodes.Multiply)
        case nodes.Absolute(operand):
            return _is_time(operand)
    return False
