"""Rules that look at other rows: which rows, the figures found there, and what change would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from synthtab.backends.computed import known_value, plain_value
from synthtab.backends.groups import Ids
from synthtab.backends.tables import Checks
from synthtab.batch import Batch
from synthtab.ir import nodes
from synthtab.ir.context import Definition, Position, separate, simplified
from synthtab.ir.evaluate import Known, evaluate
from synthtab.ir.reads import reads
from synthtab.lang.format import format_rule
from synthtab.lang.write import format_node
from synthtab.schema import TextType, Value, decode_value, domain
from synthtab.solver.explaining.evaluation import Step, evaluated
from synthtab.solver.explaining.parts import Across, CellChange, Seen, Values
from synthtab.solver.inquiry import Cell
from synthtab.solver.mending.cover import Columns, costs_of
from synthtab.solver.mending.judge import judge
from synthtab.solver.mending.offers import listed
from synthtab.solver.mending.rounds import LAST_STAGE, PER_VIOLATION, candidates, propose
from synthtab.solver.mending.scene import Scene
from synthtab.solver.mending.sheets import Broken, Edits, Law, Sheets, judge_all, laws_of

ROWS_KEPT = 8
PARTNERS = 400
"""So many rows are looked at to find those that a row meets or is forbidden beside."""
MOST_TRIED = 4_000
"""So many changes of one cell are tried to show that none suffices."""
OPTIONS = 4


class Tables:
    """Tables with all their rows, to be asked why a row breaks a rule that looks at others."""

    def __init__(self, tables: Sequence[nodes.Table], batches: Mapping[str, Batch]) -> None:
        self.sheets = Sheets(tables, batches)
        self.laws = laws_of(self.sheets)
        self._broken = judge_all(self.sheets, self.laws)

    @property
    def checks(self) -> Checks:
        """The rows, to be judged by any rule."""
        return self._broken.checks

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.sheets)

    @cached_property
    def _soft(self) -> dict[tuple[str, str], np.ndarray]:
        """Say which rows do not keep the soft rules that look at other rows."""
        out = {}
        for table in self.sheets.tables:
            for rule in table.table_rules:
                if rule.share is not None and self._is_judged(rule, table):
                    out[table.name, rule.name] = np.asarray(self.checks.violated(table.name, rule))
        return out

    def _is_judged(self, rule: nodes.Rule, table: nodes.Table) -> bool:
        """Say whether all tables that a rule reads are there."""
        if isinstance(rule, nodes.RowRule) and nodes.is_pure(rule.condition):
            return False  # a matter of the row alone
        try:
            return set(reads(rule, table, self.sheets.by_name)) <= set(self.sheets.by_name)
        except LookupError:  # a reference leads to a table that is not there
            return False

    def broken(self, table: str, row: int) -> list[nodes.Rule]:
        """Return the rules looking at other rows that a row (from 0) breaks, soft ones last."""
        number = self.sheets.number[table]
        own = {id(r) for r in self.sheets.tables[number].row_rules}
        hard = [
            law.rule
            for law, mask in zip(self.laws, self._broken.masks, strict=True)
            if law.table == number and law.rule is not None and id(law.rule) not in own
            if mask[row]
        ]
        return hard + [
            rule
            for rule in self.sheets.tables[number].table_rules
            if (table, rule.name) in self._soft and self._soft[table, rule.name][row]
        ]

    def across(self, table: str, row: int, rule: nodes.Rule) -> Across:
        """Explain one of the rules that :meth:`broken` names; soft ones get no change."""
        number = self.sheets.number[table]
        hard = replace(rule, share=None)
        law = next((one for one in self.laws if one.table == number and one.rule is rule), None)
        asked = law if law is not None else self._as_law(number, hard)
        read = asked.reads.get(table, {})
        names = self.sheets.tables[number].column_names
        seen = self._seen(asked, row)
        step, figures = self._evaluated(table, row, rule)
        options: tuple[tuple[CellChange, ...], ...] = ()
        minimal = False
        if law is not None:
            options, minimal = self._options(law, row)
        return Across(
            rule.name,
            self._values(table, row, [c for c in names if c in read]),
            tuple(
                Seen(name, at + 1, self._values(name, at, columns))
                for name, at, columns in seen[:ROWS_KEPT]
            ),
            len(seen),
            figures,
            step,
            options,
            minimal,
        )

    def _as_law(self, number: int, rule: nodes.Rule) -> Law:
        table = replace(self.sheets.tables[number], rules=(rule,))
        tables = [t if t.name != table.name else table for t in self.sheets.tables]
        made = laws_of(Sheets(tables, self.sheets.batches()))
        return next(one for one in made if one.rule is rule)

    def _scene(self, laws: Sequence[Law], law: Law, row: int) -> tuple[Scene, int]:
        """Return the rows with one violation alone to be mended, and the law's number."""
        masks = [np.zeros(self.sheets.rows(one.table), bool) for one in laws]
        at = next(k for k, one in enumerate(laws) if one is law)
        masks[at][row] = True
        skip = [np.zeros(len(m), bool) for m in masks]
        broken = replace(self._broken, masks=tuple(masks))
        rng = np.random.default_rng(0)
        scene = Scene(self.sheets, laws, broken, self._columns, frozenset(), rng, skip)
        return scene, at

    def _seen(self, law: Law, row: int) -> list[tuple[str, int, list[str]]]:
        """Return the other rows that a law looks at: table, row, and the columns it reads."""
        scene, _ = self._scene([law], law, row)
        found: dict[tuple[str, int], set[str]] = {}
        own = self.sheets.tables[law.table].name
        for name, columns, _, pairs in scene.seen_from(scene.cases[0]):
            for at in pairs.row.tolist():
                if (name, at) != (own, row):
                    found.setdefault((name, at), set()).update(columns)
        if isinstance(law.rule, nodes.PairRule | nodes.NoOverlapRule) and set(law.reads) == {own}:
            mine = [at for name, at in found if name == own][:PARTNERS]
            met = self._met(own, law.rule, row, mine)
            found = {key: columns for key, columns in found.items() if key[1] in met}
        return [
            (name, at, [c for c in self.sheets.by_name[name].column_names if c in columns])
            for (name, at), columns in sorted(found.items())
        ]

    def _met(self, table: str, rule: nodes.Rule, row: int, others: Sequence[int]) -> set[int]:
        """Return the rows that break a rule together with one."""
        if not others:
            return set()
        picked = np.array([[row, other] for other in others], np.int64).ravel()
        worlds: dict[str, Ids] = {table: np.repeat(np.arange(len(others)), 2)}
        batch = self.sheets.batch(self.sheets.number[table]).take(picked)
        bad = Checks([self.sheets.by_name[table]], {table: batch}, worlds).violated(table, rule)
        return {other for at, other in enumerate(others) if bad[2 * at]}

    def harm(self, table: str, row: int, cells: Mapping[str, Cell]) -> tuple[str, ...]:
        """Return the rules that some row would come to break if a row's cells were these."""
        number = self.sheets.number[table]
        names = self.sheets.tables[number].column_names
        edits = [
            (
                number,
                row,
                names.index(c),
                self.sheets.text(v) if isinstance(v, str) else v or 0,
                v is None,
            )
            for c, v in cells.items()
        ]
        verdict = judge(self.sheets, self.laws, self._judged_anew(), listed([edits]))
        return tuple(sorted({self.laws[k].name for k in verdict.law[verdict.change > 0]}))

    def _judged_anew(self) -> Broken:
        """Return what is broken, with a pool that has the strings added since."""
        if len(next(iter(self.checks.context.batches.values())).pool) != len(self.sheets.pool):
            checks = Checks(self.sheets.tables, self.sheets.batches())
            self._broken = replace(self._broken, checks=checks)
        return self._broken

    # What was found.

    def _evaluated(self, table: str, row: int, rule: nodes.Rule) -> tuple[Step | None, Values]:
        if not isinstance(rule, nodes.RowRule):
            return None, {}
        context = self.checks.context
        declared = context.tables[table]
        parts = separate(rule.condition, declared, context.tables)
        cells: dict[str, Value | Known | None] = dict(
            self._values(table, row, declared.column_names)
        )
        figures: dict[str, Value | None] = {}
        terms = {name: _node(what) for name, what in parts.definitions.items()}
        for name, what in parts.definitions.items():
            found = self._figure(table, row, what)
            cells[name] = found
            if not isinstance(what, nodes.Increasing | nodes.GapFree):
                figures[format_node(terms[name])] = None if found is None else plain_value(found)
        return evaluated(parts.node, cells, parts.table, terms), figures

    def _figure(self, table: str, row: int, what: Definition) -> Known | None:
        """Return what a term that looks at other rows is in one row."""
        if isinstance(what, nodes.Aggregate) and what.function == "avg":
            total = self._figure(table, row, replace(what, function="sum"))
            count = self._figure(table, row, replace(what, function="count"))
            if not isinstance(total, Fraction) or not isinstance(count, Fraction):
                return None
            return total / count
        context = self.checks.context
        parts = separate(simplified(_node(what)), context.tables[table], context.tables)
        cells: dict[str, Value | Known | None] = dict(
            self._values(table, row, context.tables[table].column_names)
        )
        for name, inner in parts.definitions.items():
            cells[name] = known_value(context, context.column(table, inner), row)
        return evaluate(parts.node, cells, parts.table)

    def _values(self, table: str, row: int, columns: Sequence[str]) -> dict[str, Value | None]:
        number = self.sheets.number[table]
        names = self.sheets.tables[number].column_names
        out = {}
        for name in columns:
            at = names.index(name)
            cell = (self.sheets.codes[number][row, at], self.sheets.nulls[number][row, at])
            out[name] = self._value(number, at, int(cell[0]), bool(cell[1]))
        return out

    def _value(self, table: int, column: int, code: int, null: bool) -> Value | None:
        if null:
            return None
        kind = self.sheets.tables[table].columns[column].type
        if isinstance(kind, TextType):
            return str(self.sheets.pool[code])
        return decode_value(kind, code)

    # What would do.

    def _options(self, law: Law, row: int) -> tuple[tuple[tuple[CellChange, ...], ...], bool]:
        """Return changes of few cells that mend one violation and break nothing else.

        With them whether no fewer cells suffice for sure.
        """
        scene, at = self._scene(self.laws, law, row)
        propose(scene, True)
        made = candidates(scene, self._columns, PER_VIOLATION[LAST_STAGE], True)
        good = self._good(made.edits, at, row)
        sizes = made.edits.sizes()[good]
        if (sizes == 1).any():
            return self._best(made.edits, good, made.doubt), True
        single = self._single_changes(law)
        if single is None:
            return self._best(made.edits, good, made.doubt), False
        found = self._good(single, at, row)
        if len(found):
            return self._best(single, found, np.zeros(single.count)), True
        return self._best(made.edits, good, made.doubt), bool((sizes == 2).any())

    def _good(self, edits: Edits, law: int, row: int) -> np.ndarray:
        """Return the candidates that mend a row's violation of a law and bring none."""
        if not edits.count:
            return np.empty(0, np.int64)
        verdict = judge(self.sheets, self.laws, self._judged_anew(), edits)
        mends = np.zeros(edits.count, bool)
        hit = (verdict.law == law) & (verdict.row == row) & (verdict.change < 0)
        mends[verdict.by[hit]] = True
        return np.flatnonzero(mends & (verdict.added == 0) & ~verdict.wide)

    def _best(
        self, edits: Edits, good: np.ndarray, doubt: np.ndarray
    ) -> tuple[tuple[CellChange, ...], ...]:
        """Return the smallest of some candidates, one for each set of cells, likely ones first."""
        if not len(good):
            return ()
        sizes = edits.sizes()
        costs = costs_of(self.sheets.tables, {})
        dear = np.zeros(edits.count)
        np.add.at(
            dear,
            edits.candidate,
            [costs[t][c] for t, c in zip(edits.table, edits.column, strict=True)],
        )
        least = good[sizes[good] == sizes[good].min()]
        order = least[np.lexsort([doubt[least], dear[least]])]
        out: dict[tuple[tuple[str, int, str], ...], tuple[CellChange, ...]] = {}
        for one in order.tolist():
            changes = tuple(
                self._change(edits, k) for k in np.flatnonzero(edits.candidate == one).tolist()
            )
            out.setdefault(tuple((c.table, c.row, c.column) for c in changes), changes)
            if len(out) == OPTIONS:
                break
        return tuple(out.values())

    def _change(self, edits: Edits, k: int) -> CellChange:
        table, row, column = int(edits.table[k]), int(edits.row[k]), int(edits.column[k])
        declared = self.sheets.tables[table]
        name = declared.columns[column].name
        return CellChange(
            declared.name,
            row + 1,
            name,
            self._values(declared.name, row, [name])[name],
            self._value(table, column, int(edits.code[k]), bool(edits.null[k])),
        )

    def _single_changes(self, law: Law) -> Edits | None:
        """Return every change of one cell that a law reads, in any row; None where too many."""
        made: list[list[tuple[int, int, int, int, bool]]] = []
        for name, columns in law.reads.items():
            number = self.sheets.number[name]
            table, rows = self.sheets.tables[number], self.sheets.rows(number)
            for column in columns:
                declared, place = table.column(column), table.column_names.index(column)
                lo, hi = domain(declared)
                wide = (hi - lo + 2) * rows + len(made) > MOST_TRIED
                if isinstance(declared.type, TextType) or wide:
                    return None
                cells = [(code, False) for code in range(lo, hi + 1)]
                cells += [(0, True)] if declared.optional else []
                codes, nulls = self.sheets.codes[number], self.sheets.nulls[number]
                for row in range(rows):
                    now = int(codes[row, place]), bool(nulls[row, place])
                    made += [[(number, row, place, *cell)] for cell in cells if cell != now]
        return listed(made)


def _node(what: Definition) -> nodes.Node:
    """Return a term of a rule as it is written; places in a group come with simplified ones."""
    assert not isinstance(what, Position)
    return what


def rule_text(rule: nodes.Rule) -> str:
    """Return what a rule says, without its name, description and share."""
    if isinstance(rule, nodes.RowRule):
        return format_node(rule.condition)
    text = " ".join(format_rule(replace(rule, description=None, share=None)).split())
    head = f"rule {rule.name}: "
    return text.removeprefix(head)
