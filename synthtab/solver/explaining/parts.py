"""What an explanation consists of, as plain values that never change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from synthtab.schema import Value
from synthtab.solver.explaining.allowed import Allowed
from synthtab.solver.explaining.evaluation import Step

Values = Mapping[str, Value | None]


@dataclass(frozen=True)
class Broken:
    """A rule that a row breaks, or (``kind`` is ``column``) what a column declares.

    ``text`` is what it says, ``values`` the cells of the row that it reads, ``step`` how it comes
    to be FALSE; None of rules that compare rows with each other. ``share`` is that of a soft rule.
    """

    rule: str
    kind: str
    text: str
    description: str | None
    values: Values
    step: Step | None = None
    share: Decimal | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the rule and its evaluation as plain data."""
        return {
            "rule": self.rule,
            "kind": self.kind,
            "text": self.text,
            "description": self.description,
            "required_share": None if self.share is None else float(self.share),
            "values": dict(self.values),
            "evaluation": None if self.step is None else self.step.to_dict(),
        }


@dataclass(frozen=True)
class Inference:
    """One step from kept cells to a contradiction.

    With the cells of ``given`` as they are (or as earlier steps found them), ``rules`` leave
    ``column`` no more than ``allowed``; without a rule it is the column's declaration that does.
    ``found`` is the row's cell; ``clash`` says that it is not allowed, so that the contradiction is
    reached.
    """

    rules: tuple[str, ...]
    given: Values
    column: str
    allowed: Allowed
    found: Value | None
    clash: bool

    def to_dict(self) -> dict[str, object]:
        """Return the step as plain data."""
        return {
            "rules": list(self.rules),
            "given": dict(self.given),
            "column": self.column,
            "allowed": self.allowed.to_dict(),
            "found": self.found,
            "clash": self.clash,
        }


@dataclass(frozen=True)
class Contradiction:
    """Cells that cannot all be kept, whatever the others hold, and the rules that forbid it.

    An unsatisfiable core: of ``cells`` none can be spared, as far as there was time to make sure
    (``reduced``). ``ranges`` are columns whose declared range it needs. ``steps`` lead to it where
    rules leave cells one value after the other; they are empty where it takes all rules together.
    """

    cells: Values
    rules: tuple[str, ...]
    ranges: tuple[str, ...] = ()
    steps: tuple[Inference, ...] = ()
    reduced: bool = True

    def to_dict(self) -> dict[str, object]:
        """Return the contradiction as plain data."""
        return {
            "cells": dict(self.cells),
            "rules": list(self.rules),
            "ranges": list(self.ranges),
            "steps": [step.to_dict() for step in self.steps],
            "reduced": self.reduced,
        }


@dataclass(frozen=True)
class Change:
    """A cell to be changed, what it may become, and one such value.

    ``allowed`` holds for the other cells of a repair as their ``example`` says.
    """

    column: str
    old: Value | None
    allowed: Allowed
    example: Value | None

    def to_dict(self) -> dict[str, object]:
        """Return the change as plain data."""
        return {
            "column": self.column,
            "old": self.old,
            "allowed": self.allowed.to_dict(),
            "example": self.example,
        }


@dataclass(frozen=True)
class Repair:
    """The fewest cells whose change mends a row.

    ``options`` are different sets of cells, the preferred one first; any one will do. ``minimal``
    says that fewer cells are proved not to suffice: no smaller set has a cell in common with every
    contradiction. ``complete`` says that no other set of so few cells suffices either. ``reason``
    tells why where one of them is not so. ``harms`` names for each option the rules looking at
    other rows that its examples would come to break; it is empty where the other rows are unknown.
    """

    options: tuple[tuple[Change, ...], ...]
    minimal: bool
    complete: bool
    reason: str = ""
    harms: tuple[tuple[str, ...], ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the repair as plain data."""
        return {
            "cells": len(self.options[0]) if self.options else 0,
            "options": [[change.to_dict() for change in option] for option in self.options],
            "minimal": self.minimal,
            "complete": self.complete,
            "reason": self.reason,
            "harms": [list(rules) for rules in self.harms],
        }


@dataclass(frozen=True)
class Seen:
    """A row that a rule looks at: its table, its number from 1, and what it holds there."""

    table: str
    row: int
    values: Values

    def to_dict(self) -> dict[str, object]:
        """Return the row as plain data."""
        return {"table": self.table, "row": self.row, "values": dict(self.values)}


@dataclass(frozen=True)
class CellChange:
    """A cell of any row to be changed, and a value that it may become."""

    table: str
    row: int
    column: str
    old: Value | None
    new: Value | None

    def to_dict(self) -> dict[str, object]:
        """Return the change as plain data."""
        return {
            "table": self.table,
            "row": self.row,
            "column": self.column,
            "old": self.old,
            "new": self.new,
        }


@dataclass(frozen=True)
class Across:
    """Why a row breaks a rule that looks at other rows.

    ``seen`` are the first of the ``count`` rows that it looks at; ``figures`` what it takes from
    them, by the term's text. ``options`` are changes, each of the fewest cells found, by which the
    row keeps the rule and no row comes to break one. ``minimal`` says that no fewer cells suffice:
    always true of one cell, of more where every change of one was tried.
    """

    rule: str
    values: Values
    seen: tuple[Seen, ...]
    count: int
    figures: Values
    step: Step | None
    options: tuple[tuple[CellChange, ...], ...]
    minimal: bool

    def to_dict(self) -> dict[str, object]:
        """Return all of it as plain data."""
        return {
            "rule": self.rule,
            "values": dict(self.values),
            "rows": [one.to_dict() for one in self.seen],
            "rows_in_all": self.count,
            "figures": dict(self.figures),
            "evaluation": None if self.step is None else self.step.to_dict(),
            "options": [[change.to_dict() for change in option] for option in self.options],
            "minimal": self.minimal,
        }
