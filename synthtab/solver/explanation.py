"""Explanations of rows that break rules: what is broken, why it cannot stay, what would mend it.

Of rules about one row, the reasons are Z3's unsatisfiable cores over the row's cells and the rules,
and the repair is one of the fewest cells, with the cores as the proof that fewer do not suffice
(solver/explaining/deduce.py). Of rules that look at other rows, the rows and figures are shown, and
changes that mend the row and break nothing else (solver/explaining/across.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.ir.evaluate import evaluate
from synthtab.ir.walk import columns_of
from synthtab.schema import Value
from synthtab.solver.explaining import prose
from synthtab.solver.explaining.across import Tables, rule_text
from synthtab.solver.explaining.allowed import Formulas, declaration, misfit, outside
from synthtab.solver.explaining.deduce import deduce
from synthtab.solver.explaining.evaluation import Step, evaluated
from synthtab.solver.explaining.parts import Across, Broken, Change, Contradiction, Repair
from synthtab.solver.inquiry import Cell
from synthtab.solver.rowcells import cell_of, cells_of
from synthtab.solver.wording import decoded

Values = Mapping[str, Value | None]
BUDGET_S = 5.0

_KINDS = {
    nodes.RowRule: "row",
    nodes.UniqueRule: "unique",
    nodes.DeterminesRule: "determines",
    nodes.ReferenceRule: "reference",
    nodes.NoOverlapRule: "no overlap",
    nodes.PairRule: "pair",
}


@dataclass(frozen=True)
class Explanation:
    """Why a row breaks rules, and the smallest repair.

    ``row`` is its number from 1, None where it stands alone. ``broken`` are the rules and
    declarations it breaks; ``contradictions`` and ``repair`` are about those that the row alone
    decides (``repair`` is None where there are none, or they exclude every row); ``across`` are
    those that look at other rows, each on its own. A soft rule needs no repair, unless nothing else
    is broken.
    """

    table: str
    row: int | None
    values: Values
    broken: tuple[Broken, ...]
    contradictions: tuple[Contradiction, ...]
    repair: Repair | None
    across: tuple[Across, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain data."""
        return {
            "table": self.table,
            "row": self.row,
            "values": dict(self.values),
            "broken": [one.to_dict() for one in self.broken],
            "contradictions": [one.to_dict() for one in self.contradictions],
            "repair": None if self.repair is None else self.repair.to_dict(),
            "across": [one.to_dict() for one in self.across],
        }

    def text(self) -> str:
        """Return the explanation for a person, in numbered steps."""
        return "\n".join(self._lines())

    def as_feedback(self) -> str:
        """Return what is wrong and what would mend it, short, for a model's next turn."""
        own = (self.table, self.row)
        return prose.feedback(self.broken, self.contradictions, self.repair, self.across, own)

    def _lines(self) -> Iterator[str]:
        count = len(self.broken)
        name = f"Row {self.row} of table {self.table}" if self.row else f"A row of {self.table}"
        yield f"{name} breaks {count} rule{'s' * (count != 1)}."
        yield from prose.broken_lines(self.broken)
        if self.contradictions:
            yield ""
            yield "Why it cannot stay as it is:"
            yield from prose.contradiction_lines(self.contradictions)
            yield ""
            if self.repair is not None:
                yield from prose.repair_lines(self.repair, self.contradictions)
            else:
                yield "No repair is possible: the rules exclude every row."
        for one in self.across:
            yield ""
            yield from prose.across_lines(one)


class Explainer:
    """Explains rows of tables; with all their rows, rules that look at other rows too.

    ``budget_s`` is the solver's time for one row, in seconds; what it leaves open is said.
    """

    def __init__(
        self,
        tables: Sequence[nodes.Table],
        batches: Mapping[str, Batch] | None = None,
        *,
        budget_s: float = BUDGET_S,
    ) -> None:
        self._by_name = {t.name: t for t in tables}
        self._whole = None if batches is None else Tables(tables, batches)
        self._budget_s = budget_s
        self._formulas: dict[str, Formulas] = {}

    def row(self, table: str, row: int) -> Explanation:
        """Explain a row by its number, from 0, in the rows given.

        Raises UsageError where it breaks nothing, or there is no such row.
        """
        if self._whole is None:
            raise UsageError("no rows were given: explain a row by its values instead")
        sheets = self._whole.sheets
        if table not in sheets.number:
            raise UsageError(f"no rows are given of table {table!r}")
        number = sheets.number[table]
        if not 0 <= row < sheets.rows(number):
            raise UsageError(
                f"table {table!r} has {sheets.rows(number):,} rows; there is no row {row + 1}"
            )
        cells = cells_of(self._by_name[table], sheets.batch(number), row)
        rules = self._whole.broken(table, row)
        across = tuple(self._whole.across(table, row, rule) for rule in rules)
        more = tuple(_of_rule(rule, one) for rule, one in zip(rules, across, strict=True))
        made = self._explained(self._by_name[table], cells, row + 1, more, across)
        if made.repair is None:
            return made
        declared = self._by_name[table]
        repair = _agreeing(declared, made.repair, across, row + 1)
        harms = [self._whole.harm(table, row, _instance(declared, o)) for o in repair.options]
        return replace(made, repair=harmless_first(repair, harms))

    def alone(self, table: str, cells: Mapping[str, Cell], row: int | None = None) -> Explanation:
        """Explain a row by its cells (codes, strings, None), by the rules about one row only.

        ``row`` is the number it is to be called by. Raises UsageError where it breaks nothing, or
        there is no such table.
        """
        if table not in self._by_name:
            named = ", ".join(map(repr, self._by_name))
            raise UsageError(f"there is no table {table!r} to explain a row of; given are {named}")
        return self._explained(self._by_name[table], cells, row, (), ())

    def _explained(
        self,
        table: nodes.Table,
        cells: Mapping[str, Cell],
        row: int | None,
        more: tuple[Broken, ...],
        across: tuple[Across, ...],
    ) -> Explanation:
        values = decoded(cells, table)
        declared = tuple(_of_column(table, c, values[c], cells[c]) for c in outside(table, cells))
        rules = _broken_rules(table, values)
        if not (declared or rules or more):
            which = "the row" if row is None else f"row {row}"
            raise UsageError(
                f"{which} of table {table.name!r} breaks no rule: there is nothing to explain"
            )
        contradictions: tuple[Contradiction, ...] = ()
        repair = None
        if declared or rules:
            # A row may be an exception to a soft rule: only where that is all it breaks is it asked
            # what the row would need to keep it.
            soft = [r for r in rules if r.share is not None]
            only_soft = not declared and len(soft) == len(rules)
            kept = [*table.row_rules, *(soft if only_soft else ())]
            formulas = self._formulas.setdefault(table.name, {})
            found = deduce(table, kept, cells, budget_s=self._budget_s, formulas=formulas)
            contradictions, repair = found.contradictions, found.repair
        told = tuple(_of_row(table, rule, values) for rule in rules)
        return Explanation(
            table.name, row, values, (*declared, *told, *more), contradictions, repair, across
        )


def harmless_first(repair: Repair, harms: Sequence[tuple[str, ...]]) -> Repair:
    """Return a repair with what each option harms, those that harm nothing first."""
    order = sorted(range(len(harms)), key=lambda at: len(harms[at]))
    return replace(
        repair,
        options=tuple(repair.options[at] for at in order),
        harms=tuple(harms[at] for at in order) if any(harms) else (),
    )


def _agreeing(table: nodes.Table, repair: Repair, across: Sequence[Across], row: int) -> Repair:
    """Return a repair whose instances are those that rules looking at other rows ask for.

    That is done where one cell is to change, and the value asked for is among those allowed.
    """
    asked = {
        option[0].column: option[0].new
        for one in reversed(across)
        for option in reversed(one.options)
        if len(option) == 1 and (option[0].table, option[0].row) == (table.name, row)
    }

    def agreed(change: Change) -> Change:
        if change.column not in asked:
            return change
        value = asked[change.column]
        fits = change.allowed.has(cell_of(table.column(change.column), value))
        return replace(change, example=value) if fits else change

    options = tuple((agreed(o[0]),) if len(o) == 1 else o for o in repair.options)
    return replace(repair, options=options)


def _instance(table: nodes.Table, option: Sequence[Change]) -> dict[str, Cell]:
    """Return the cells of a repair's examples."""
    return {c.column: cell_of(table.column(c.column), c.example) for c in option}


def explain_row(
    table: nodes.Table, values: Values, *, row: int | None = None, budget_s: float = BUDGET_S
) -> Explanation:
    """Explain a row of Python values by the rules about one row.

    Raises UsageError where a value is none of its column's type, or nothing is broken.
    """
    cells: dict[str, Cell] = {}
    for column in table.columns:
        if column.name not in values:
            raise UsageError(f"the row has no value for column {column.name!r}")
        value = values[column.name]
        try:
            cells[column.name] = cell_of(column, value)
        except ValueError as error:
            raise UsageError(f"column {column.name!r}: {error}") from None
    return Explainer([table], budget_s=budget_s).alone(table.name, cells, row)


def _broken_rules(table: nodes.Table, values: Values) -> list[nodes.RowRule]:
    """Return the rules about one row that it makes FALSE, soft ones too."""
    return [
        rule
        for rule in table.rules
        if isinstance(rule, nodes.RowRule)
        and nodes.is_pure(rule.condition)
        and evaluate(rule.condition, values, table) is False
    ]


def _of_row(table: nodes.Table, rule: nodes.RowRule, values: Values) -> Broken:
    step = evaluated(rule.condition, values, table)
    read = columns_of(rule.condition)
    seen = {c: values[c] for c in table.column_names if c in read}
    text = rule_text(rule)
    return Broken(rule.name, "row", text, rule.description, seen, step, rule.share)


def _of_column(table: nodes.Table, column: str, value: Value | None, cell: Cell) -> Broken:
    said, filled = misfit(table.column(column), cell)
    text = declaration(table.column(column))
    step = Step(said, filled, "FALSE")
    return Broken(f"{column}: declaration", "column", text, None, {column: value}, step)


def _of_rule(rule: nodes.Rule, found: Across) -> Broken:
    return Broken(
        rule.name,
        _KINDS[type(rule)],
        rule_text(replace(rule, share=None)),
        rule.description,
        found.values,
        found.step,
        rule.share,
    )
