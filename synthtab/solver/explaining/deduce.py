"""Which cells of a row cannot be kept together, and the fewest to change, from Z3's cores.

Each cell that might be kept is an assumption beside the rules. A core is a set of cells and rules
that contradict each other; a repair has to change a cell of every core. So the smallest set that
meets all cores known is asked about: either it mends the row, and nothing smaller can, or there is
a new core (the implicit hitting sets of Chandrasekaran, Karp, Moreno-Centeno and Vempala,
"Algorithms for implicit hitting set problems", 2011).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from synthtab.backends.vector import VectorBackend
from synthtab.ir import core, nodes
from synthtab.ir.normalise import lower
from synthtab.ir.walk import columns_of
from synthtab.schema import TextType, Value, decode_value
from synthtab.solver.eliminate import Deadline
from synthtab.solver.explaining.allowed import (
    Allowed,
    Formulas,
    allowed,
    declared,
    narrowed,
    outside,
)
from synthtab.solver.explaining.hitting import hitting_sets
from synthtab.solver.explaining.parts import Change, Contradiction, Inference, Repair
from synthtab.solver.inquiry import Cell, Claim, Inquiry, Row
from synthtab.solver.language import TooLargeError, shortest
from synthtab.solver.repair import repair
from synthtab.solver.rowcells import batch_of, cells_of

MOST_OPTIONS = 8
"""Repairs of the smallest size that are looked for."""
MOST_CORES = 200
NO_TIME = "the time for it ran out"


@dataclass(frozen=True)
class Deduction:
    """Contradictions of a row, and its smallest repairs; none where rules exclude every row."""

    contradictions: tuple[Contradiction, ...]
    repair: Repair | None


def deduce(
    table: nodes.Table,
    rules: Sequence[nodes.RowRule],
    row: Row,
    *,
    budget_s: float = 5.0,
    formulas: Formulas | None = None,
) -> Deduction:
    """Explain why a row that breaks some of the row rules (or declarations) cannot stay as it is.

    ``rules`` are those a repair has to keep. ``budget_s`` bounds the solver's time in seconds; what
    it leaves open is said in the repair. ``formulas`` keeps what is compiled for other rows of the
    table.
    """
    made = {} if formulas is None else formulas
    return _Search(table, rules, row, Deadline(budget_s), made).run()


def decoded_cell(table: nodes.Table, column: str, cell: Cell) -> Value | None:
    """Return a cell of a row as a Python value."""
    if cell is None or isinstance(cell, str):
        return cell
    return decode_value(table.column(column).type, cell)


class _Search:
    def __init__(
        self,
        table: nodes.Table,
        rules: Sequence[nodes.RowRule],
        row: Row,
        deadline: Deadline,
        formulas: Formulas,
    ) -> None:
        self._table, self._rules, self._row = table, tuple(rules), row
        self._deadline, self._formulas = deadline, formulas
        self._outside = outside(table, row)
        read = {c for r in rules for c in columns_of(r.condition)}
        spoken = [c for c in table.columns if c.name in read]
        self._names = [c.name for c in spoken if c.name not in self._outside]
        # Rules first: of a core, cells are then left out before rules are.
        claims = [Claim(r.name, lower(r.condition, table), r.span) for r in self._rules]
        claims += [Claim(c, _kept(table, c, row[c])) for c in self._names]
        narrow = nodes.Table(table.name, tuple(spoken), span=table.span)
        self._claims = claims
        self._inquiry = Inquiry(narrow, claims, deadline)
        self._place = {c: len(self._rules) + at for at, c in enumerate(self._names)}
        self._cores: list[frozenset[str]] = []
        self._found: list[Contradiction] = []
        keys = {c for rule in table.unique_rules for c in rule.columns}
        links = {c for r in table.rules if isinstance(r, nodes.ReferenceRule) for c in r.columns}
        self._dear = keys | links
        self._order = sorted(
            [*self._outside, *self._names], key=lambda c: (c in keys, c in links, self._at(c))
        )

    def _at(self, column: str) -> int:
        return self._table.column_names.index(column)

    def run(self) -> Deduction:
        for name in self._outside:
            self._declare(name)
        options: list[tuple[Change, ...]] = []
        opened: list[frozenset[str]] = []
        tried: set[frozenset[str]] = set()
        size, why, whole = len(self._outside), "", True
        while size <= len(self._order):
            left = (h for h in hitting_sets(self._cores, self._order, size) if h not in tried)
            candidate = next(left, None)
            if candidate is None:
                if options:
                    break
                size += 1
                continue
            if len(options) >= MOST_OPTIONS or len(self._cores) >= MOST_CORES:
                whole, why = False, "there are more of them than are listed"
                break
            if self._deadline.spent():
                whole, why = False, NO_TIME
                break
            tried.add(candidate)
            made = self._ask(candidate)
            if made is None:
                return Deduction(tuple(self._found), None)
            if isinstance(made, str):
                opened.append(candidate)
                why = made
            elif made:
                options.append(self._changes(candidate, made))
        options.sort(key=self._rank)
        if not options:
            self._note_broken()
            return Deduction(tuple(self._found), self._greedy(why or NO_TIME))
        least = len(options[0])
        minimal = not any(len(o) < least for o in opened)
        return Deduction(
            tuple(self._found), Repair(tuple(options), minimal, whole and not opened, why)
        )

    def _note_broken(self) -> None:
        """Note of each broken rule that its cells cannot all be kept, as no core was found."""
        narrow = narrowed(self._table, self._rules)
        violated = VectorBackend(narrow).violated(batch_of(narrow, [self._row]))[0]
        for rule, bad in zip(self._rules, violated, strict=True):
            if bad and not any(rule.name in one.rules for one in self._found):
                read = set(columns_of(rule.condition))
                cells = [c for c in self._table.column_names if c in read]
                self._note(cells, [rule.name], [], False)

    def _greedy(self, why: str) -> Repair:
        """Return a repair that keeps cells greedily, where there is one, with nothing proved."""
        table = replace(self._table, rules=tuple(replace(r, share=None) for r in self._rules))
        batch = batch_of(table, [self._row])
        made = repair(table, batch, rng=np.random.default_rng(0))
        if made.failed[0]:
            return Repair((), False, False, why)
        changed = [c for at, c in enumerate(table.column_names) if made.changed[0, at]]
        mended = cells_of(table, made.batch, 0)
        return Repair((self._changes(frozenset(changed), mended),), False, False, why)

    def _rank(self, option: tuple[Change, ...]) -> tuple[int, int]:
        """Return what to sort repairs by: no keys before keys, then those that leave least open."""
        dear = sum(c.column in self._dear for c in option)
        return dear, sum(c.allowed.count for c in option)

    def _ask(self, candidate: frozenset[str]) -> Row | str | None:
        """Ask whether changing these cells mends the row.

        Returns the mended row; an empty one after a new contradiction was noted; why it was not
        decided; or None where the rules exclude every row.
        """
        without = [self._place[c] for c in candidate if c in self._place]
        answer = self._inquiry.can(without=without)
        if answer.verdict == "yes":
            assert answer.row is not None
            return {**self._row, **self._declared_row(), **answer.row}
        if answer.verdict == "open":
            return answer.reason
        blamed, ranges = self._blamed()
        reduced = not self._deadline.spent()
        # Cells are kept for want of a column's range, or of what is true of products, months and
        # texts: with these known, as in a full question, they may be spared.
        for k in [k for k in blamed if k >= len(self._rules)]:
            rest = set(range(len(self._claims))) - set(blamed) | {k}
            again = self._inquiry.can(without=rest) if k in blamed else None
            if again is not None and again.verdict == "no":
                blamed, ranges = self._blamed()
            reduced &= again is None or again.verdict != "open"
        rules = [self._rules[k].name for k in blamed if k < len(self._rules)]
        cells = [self._names[k - len(self._rules)] for k in blamed if k >= len(self._rules)]
        self._note(cells, rules, ranges, reduced)
        return {} if cells else None

    def _blamed(self) -> tuple[list[int], list[str]]:
        """Return the claims behind the last "no", and the columns whose ranges are among them."""
        reasons = self._inquiry.because()
        blamed = [k for k, claim in enumerate(self._claims) if any(claim is c for c in reasons)]
        return blamed, [c.title.removeprefix("the range of ") for c in reasons if not c.is_rule]

    def _declared_row(self) -> dict[str, Cell]:
        """Return cells for columns that no rule reads and that hold what they may not."""
        out: dict[str, Cell] = {}
        for name in self._outside:
            column = self._table.column(name)
            if isinstance(column.type, TextType):
                out[name] = _some_text(column.type)
            else:
                out[name] = declared(column).nearest(self._row[name])
        return out

    def _declare(self, name: str) -> None:
        column, cell = self._table.column(name), self._row[name]
        found = decoded_cell(self._table, name, cell)
        step = Inference((), {}, name, declared(column), found, True)
        self._cores.append(frozenset([name]))
        self._found.append(Contradiction({name: found}, (), (name,), (step,)))

    def _note(
        self, cells: Sequence[str], rules: Sequence[str], ranges: Sequence[str], reduced: bool
    ) -> None:
        self._cores.append(frozenset(cells))
        chosen = [r for r in self._rules if r.name in rules]
        steps = _steps(self._table, chosen, self._row, cells, self._formulas)
        values = {c: decoded_cell(self._table, c, self._row[c]) for c in cells}
        self._found.append(Contradiction(values, tuple(rules), tuple(ranges), steps, reduced))

    def _changes(self, columns: frozenset[str], mended: Row) -> tuple[Change, ...]:
        made = {c: mended[c] if c in columns else self._row[c] for c in self._row}
        names = sorted(columns, key=self._at)
        for name in names:
            known = self._allowed(made, name)
            if known is not None:
                # Not the solver's, which lies at an edge: the one nearest to what was there.
                made[name] = known.nearest(self._row[name])
        return tuple(self._change(name, made) for name in names)

    def _allowed(self, made: Row, name: str) -> Allowed | None:
        return allowed(self._table, self._rules, made, name, self._formulas)

    def _change(self, name: str, made: Row) -> Change:
        cell = made[name]
        known = self._allowed(made, name)
        if known is None:
            texts = (cell,) if isinstance(cell, str) else ()
            pieces = ((cell, cell),) if isinstance(cell, int) else ()
            column = self._table.column(name)
            known = Allowed(column, pieces, null=cell is None, exact=False, texts=texts)
        old = decoded_cell(self._table, name, self._row[name])
        return Change(name, old, known, decoded_cell(self._table, name, cell))


def _kept(table: nodes.Table, column: str, cell: Cell) -> core.Cond:
    """Return the condition that a cell is as it was: FALSE where it is not."""
    var = core.Var(column)
    if cell is None:
        return core.IsNull(var)
    if isinstance(cell, str):
        return core.IsTrue(core.TextIs(var, cell))
    return core.IsTrue(core.Cmp("=", var, core.Const(cell)))


def _some_text(kind: TextType) -> str | None:
    """Return a text that a column's declaration allows; None where none was found."""
    patterns = [] if kind.pattern is None else [(kind.pattern, True)]
    try:
        return shortest(patterns, [], kind.max_length)
    except TooLargeError:
        return None


def _steps(
    table: nodes.Table,
    rules: Sequence[nodes.RowRule],
    row: Row,
    cells: Sequence[str],
    formulas: Formulas,
) -> tuple[Inference, ...]:
    """Return how rules leave one cell after the other a single value, up to a contradiction.

    None where it takes several rules at once, or a text. Of the cells that may come last, the one
    that least is left for does: "sex has to be 'Female'" says more than what else a wife may be.
    """
    best: tuple[Inference, ...] = ()
    fewest = None
    for last in cells:
        if isinstance(table.column(last).type, TextType):
            continue
        found = _chain(table, rules, row, cells, last, formulas)
        if found:
            score = (len(found), found[-1].allowed.count)
            if fewest is None or score < fewest:
                best, fewest = found, score
    return best


def _chain(
    table: nodes.Table,
    rules: Sequence[nodes.RowRule],
    row: Row,
    cells: Sequence[str],
    last: str,
    formulas: Formulas,
) -> tuple[Inference, ...]:
    known: dict[str, Cell] = {c: row[c] for c in cells if c != last}
    done: list[Inference] = []
    left = list(rules)
    while left:
        ready = [(r, _unknown(r, known)) for r in left]
        ready = [(r, u) for r, u in ready if len(u) == 1]
        # The rules that speak of the last cell alone, all together.
        final = [r for r, u in ready if u == [last]]
        if final:
            step = _inference(table, final, known, last, row, formulas)
            if step is not None and not step.allowed.has(row[last]):
                return (*done, replace(step, clash=True))
        progress = False
        for rule, unknown in ready:
            if unknown == [last] or isinstance(table.column(unknown[0]).type, TextType):
                continue
            step = _inference(table, [rule], known, unknown[0], row, formulas)
            if step is not None and step.allowed.count == 1:
                cell = None if step.allowed.null else step.allowed.pieces[0][0]
                known[unknown[0]] = cell
                done.append(step)
                left.remove(rule)
                progress = True
                break
        if not progress:
            return ()
    return ()


def _unknown(rule: nodes.RowRule, known: Mapping[str, Cell]) -> list[str]:
    return [c for c in columns_of(rule.condition) if c not in known]


def _inference(
    table: nodes.Table,
    rules: Sequence[nodes.RowRule],
    known: Mapping[str, Cell],
    column: str,
    row: Row,
    formulas: Formulas,
) -> Inference | None:
    found = allowed(table, rules, {**known, column: row[column]}, column, formulas)
    if found is None:
        return None
    read = {c for r in rules for c in columns_of(r.condition)} - {column}
    given = {c: decoded_cell(table, c, known[c]) for c in table.column_names if c in read}
    return Inference(
        tuple(r.name for r in rules),
        given,
        column,
        found,
        decoded_cell(table, column, row[column]),
        False,
    )
