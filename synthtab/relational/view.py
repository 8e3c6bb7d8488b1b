"""What a table's rows are written under: the table with its context, and the rules said in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from synthtab.ir import nodes
from synthtab.ir.context import PREFIX
from synthtab.ir.walk import columns_of
from synthtab.relational.amounts import Amounts
from synthtab.relational.hidden import STAGED, UNKNOWN, Hidden
from synthtab.relational.structure import Home


@dataclass(frozen=True)
class Fit:
    """``condition`` says which rows of a parent table ``reference`` may lead to."""

    reference: nodes.ReferenceRule
    condition: nodes.Condition
    rule: str


@dataclass(frozen=True)
class View:
    """A table with its context.

    ``table`` has the hidden columns, the table's own, and one for the number of each kind of
    children; its rules are over one row. ``hidden`` says what the hidden columns are; ``counts``
    which reference each number of children belongs to (by child and rule). ``fits`` restrict which
    rows may be picked. ``left`` names the rules, of any table, that are not covered.
    ``amounts`` are the numbers that the view counts on being written alone.
    """

    home: Home
    table: nodes.Table
    hidden: Mapping[str, Hidden]
    counts: Mapping[str, tuple[str, nodes.ReferenceRule]]
    fits: tuple[Fit, ...]
    left: tuple[str, ...]
    amounts: Amounts

    @property
    def known(self) -> tuple[str, ...]:
        """The hidden columns that are known when a row is written."""
        return tuple(n for n, what in self.hidden.items() if not isinstance(what, UNKNOWN))

    @property
    def rests(self) -> tuple[str, ...]:
        """The hidden columns that stand for what is still to come."""
        return tuple(n for n, what in self.hidden.items() if isinstance(what, UNKNOWN))

    def alone(self, count: str) -> bool:
        """Say whether no rule speaks of a number of children together with another one."""
        others = self.counts.keys() - {count}
        spoken = [set(columns_of(rule.condition)) for rule in self.table.row_rules]
        return not any(count in names and names & others for names in spoken)

    @property
    def staged(self) -> bool:
        """Whether siblings have to be written one after the other."""
        ordered = self.home.order is not None or self.home.strand is not None
        return ordered or any(isinstance(w, STAGED) for w in self.hidden.values())


def count_column(child: str, rule: nodes.ReferenceRule) -> str:
    """Return the name of the column with the number of rows of ``child`` that refer by ``rule``."""
    return f"{PREFIX}# {child}.{'+'.join(rule.columns)}"
