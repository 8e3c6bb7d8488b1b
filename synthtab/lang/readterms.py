"""From parsed English to terms: columns, what owns them, amounts, arithmetic, figures over rows.

A reader reads for one table, the rule's home. Where English leaves a choice, the reader takes the
one its script says (:class:`Choices`); all scripts are tried, and the cheapest readings count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal, Self, TypeVar

from lark import Token, Tree

from synthtab.ir import nodes
from synthtab.ir.references import references
from synthtab.lang import quantities
from synthtab.lang.lexicon import Lexicon, Sense, normal

T = TypeVar("T")
Parsed = Tree[Token] | Token
FIGURES: tuple[tuple[Literal["sum", "avg", "max", "min"], str], ...] = (
    ("sum", r"sum|total"),
    ("avg", r"average|mean"),
    ("max", r"highest|largest|greatest|maximum|latest|newest"),
    ("min", r"lowest|smallest|least|minimum|earliest|oldest"),
)
# A path through a table that is not named costs this, each step.
DETOUR = 2


class Misfit(Exception):  # noqa: N818 - a reading that is no reading, not an error of the user's
    """What a sentence would have to mean is not there; ``weight`` orders what is told of it."""

    def __init__(self, reason: str, weight: int = 1) -> None:
        self.reason, self.weight = reason, weight
        super().__init__(reason)


@dataclass
class Choices:
    """The script of one reading: which option to take at each choice, and what they cost."""

    script: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    cost: int = 0

    def pick(self, options: Sequence[tuple[T, int]]) -> T:
        """Return the option the script says, each given with its cost."""
        at = len(self.sizes)
        if at == len(self.script):
            self.script.append(0)
        self.sizes.append(len(options))
        chosen, cost = options[self.script[at]]
        self.cost += cost
        return chosen

    def following(self) -> Choices | None:
        """Return the script after this one, None where this is the last."""
        for at in range(len(self.sizes) - 1, -1, -1):
            if self.script[at] + 1 < self.sizes[at]:
                return Choices([*self.script[:at], self.script[at] + 1])
        return None


@dataclass(frozen=True)
class World:
    """A model, as a reader knows it."""

    tables: dict[str, nodes.Table]
    constants: dict[str, nodes.Constant]
    lexicon: Lexicon


@dataclass(frozen=True)
class Word:
    """A text constant, or the name of an enum's value: of which column is not said."""

    text: str


@dataclass(frozen=True)
class Amount:
    """A number with the unit it came with, or none."""

    number: int | Decimal
    unit: nodes.ShiftUnit | None = None
    constant: str | None = None


Said = nodes.Term | Word | Amount


def name_token(part: Parsed) -> Token:
    """Return a part that the grammar has as a token."""
    assert isinstance(part, Token)
    return part


def quoted(token: Token) -> str:
    """Return the text between a token's quotes."""
    return str(token)[1:-1]


class TermReader:
    """Reads terms for the table ``table``."""

    def __init__(self, world: World, table: nodes.Table, choices: Choices) -> None:
        self.world, self.table, self.choices = world, table, choices
        self.per: tuple[str, ...] = ()
        self.order: tuple[str, ...] = ()
        # Whether "may" forbids something here: after "no", with "only", before "only if".
        self.forbidding, self.only_if = False, False

    def within(self, table: nodes.Table) -> Self:
        """Return a reader for another table, with the same choices."""
        return type(self)(self.world, table, self.choices)

    # Names.

    def sense(self, token: Token, table: nodes.Table | None = None) -> Sense:
        """Return what a token means in a table, the home unless given."""
        home = table or self.table
        senses = [
            s
            for s in self.world.lexicon.senses(token.type, str(token))  # type: ignore[arg-type]
            if s.table in (home.name, "")
        ]
        if not senses:
            what = {"TABLE": "a table", "VALUE": "a value"}.get(token.type, "a column")
            raise Misfit(f"“{token}” is not {what} of table {home.name}", 2)
        least = senses[0].cost
        return self.choices.pick([(s, s.cost) for s in senses if s.cost == least])

    def column(self, token: Token, table: nodes.Table | None = None) -> nodes.ColumnRef:
        """Return the column of the home (or a table) that a COLUMN, EVENT or FLAG names."""
        return nodes.ColumnRef(self.sense(token, table).column)

    def table_named(self, token: Token) -> nodes.Table:
        """Return a table that a TABLE token can mean."""
        senses = self.world.lexicon.senses("TABLE", str(token))
        return self.world.tables[self.choices.pick([(s.table, s.cost) for s in senses])]

    def is_home(self, token: Token) -> bool:
        """Say whether a TABLE token can mean the home."""
        senses = self.world.lexicon.senses("TABLE", str(token))
        costs = [s.cost for s in senses if s.table == self.table.name]
        self.choices.cost += costs[0] if costs else 0
        return bool(costs)

    # Paths to other tables.

    def reach(self, token: Token) -> tuple[tuple[str, ...], nodes.Table]:
        """Return the path to the row that an owner names, and its table; () for the row itself."""
        found: list[tuple[tuple[tuple[str, ...], nodes.Table], int]] = []
        if token.type == "TABLE":
            for sense in self.world.lexicon.senses("TABLE", str(token)):
                if sense.table == self.table.name:
                    found.append((((), self.table), sense.cost))
                else:
                    found += [
                        ((path, self.world.tables[sense.table]), sense.cost + cost)
                        for path, cost in self._paths(sense.table)
                    ]
        else:
            for sense in self.world.lexicon.senses("COLUMN", str(token)):
                rule = self.reference_of(sense.column) if sense.table == self.table.name else None
                if rule is not None:
                    parent = self.world.tables[rule.parent]
                    found.append((((sense.column,), parent), sense.cost + 1))
        if not found:
            raise Misfit(f"no reference leads from table {self.table.name} to “{token}”", 2)
        least = min(cost for _, cost in found)
        return self.choices.pick([(f, cost) for f, cost in found if cost == least])

    def reference_of(self, column: str) -> nodes.ReferenceRule | None:
        """Return the reference of a single column of the home, if it has one."""
        for rule in references(self.table):
            if rule.columns == (column,) and rule.parent in self.world.tables:
                return rule
        return None

    def _paths(self, goal: str) -> list[tuple[tuple[str, ...], int]]:
        """Return the paths of one step to a table; if there are none, those of two."""
        direct = [(step, 0) for step in self._steps(self.table, goal)]
        if direct:
            return direct
        return [
            ((*one, *two), DETOUR)
            for rule in references(self.table)
            if rule.parent in self.world.tables and rule.parent != self.table.name
            for one in self._steps(self.table, rule.parent)
            for two in self._steps(self.world.tables[rule.parent], goal)
        ]

    @staticmethod
    def _steps(table: nodes.Table, goal: str) -> list[tuple[str, ...]]:
        leading = [r for r in references(table) if r.parent == goal]
        if len(leading) == 1 and goal != table.name:
            return [(goal,)]
        return [r.columns for r in leading if len(r.columns) == 1]

    def at(self, path: tuple[str, ...], column: str) -> nodes.Term:
        """Return a column at the end of a path, which costs something: a row's own come first."""
        self.choices.cost += len(path)
        return nodes.ParentRef(path, column) if path else nodes.ColumnRef(column)

    # Terms.

    def term(self, tree: Parsed) -> Said:
        """Return what a parsed term stands for."""
        if isinstance(tree, Token):
            raise Misfit(f"“{tree}” is no value")
        method = getattr(self, f"term_{tree.data}", None)
        if method is None:
            raise Misfit(f"{tree.data} is no value")
        said: Said = method(*tree.children)
        return said

    def value(self, tree: Parsed) -> nodes.Term:
        """Return a term that stands by itself: a plain number counts, a word does not."""
        said = self.term(tree)
        if isinstance(said, Word):
            raise Misfit(f"“{said.text}” needs a column that it is a value of", 2)
        return self.plain(said) if isinstance(said, Amount) else said

    @staticmethod
    def plain(said: Amount) -> nodes.Term:
        """Return an amount as a term: a length of time where it has such a unit."""
        match said.unit:
            case "weeks" | "days" | "hours" | "minutes" | "seconds" if isinstance(said.number, int):
                return nodes.Quantity(said.number, said.unit, said.constant)
        return nodes.Literal(said.number, said.constant)

    def term_column(self, token: Token) -> Said:
        """``the salary``."""
        return self.column(token)

    def term_owned(self, owner: Parsed, token: Token) -> Said:
        """``the manager's salary``."""
        path, reader = self.owner(owner)
        found = reader.column(token)
        return self.at(path, found.name)

    def term_owned_after(self, token: Token, owner: Parsed) -> Said:
        """``the salary of the manager``."""
        return self.term_owned(owner, token)

    def owner(self, tree: Parsed) -> tuple[tuple[str, ...], TermReader]:
        """Return the path an owner stands for, and a reader for the table it ends in."""
        if isinstance(tree, Token):
            path, table = self.reach(tree)
            return path, self.within(table)
        whole: tuple[str, ...] = ()
        reader: TermReader = self
        for child in tree.children:
            path, reader = reader.owner(child)
            whole += path
        return whole, reader

    def term_amount(self, number: Token, unit: Token | None = None) -> Said:
        """``30 days``, ``5%``, ``1,000``."""
        if number.type == "PERCENT":
            return Amount(quantities.percentage(number))
        return Amount(quantities.number(number), None if unit is None else quantities.unit(unit))

    def amount_of(self, tree: Parsed) -> Amount:
        """Return a number with a unit, from ``30 days`` or ``legal_age years``."""
        assert isinstance(tree, Tree)
        first, unit = tree.children
        said = self.term_constant(first) if first.type == "CONST" else self.term_amount(first)  # type: ignore[arg-type,union-attr]
        if not isinstance(said, Amount):
            raise Misfit(f"“{first}” is no number of {unit}")
        return replace(said, unit=quantities.unit(str(unit)))

    def term_constant(self, token: Token) -> Said:
        """A named constant of the model."""
        constant = self.world.constants[self.sense(token).value]
        if isinstance(constant.value, int | Decimal) and not isinstance(constant.value, bool):
            return Amount(constant.value, None, constant.name)
        return nodes.Literal(constant.value, constant.name)

    def term_date(self, token: Token) -> Said:
        """``2020-01-31``."""
        try:
            return nodes.Literal(quantities.day(str(token)))
        except ValueError as error:
            raise Misfit(f"there is no day “{token}”: {error}", 5) from None

    def term_word(self, token: Token) -> Said:
        """A text, or a value's name."""
        return Word(quoted(token) if token.type == "STRING" else str(token))

    def term_plus(self, left: Parsed, right: Parsed) -> Said:
        """``the net plus the tax``, ``the start plus 30 days``."""
        return self._sum(nodes.Add, left, right)

    def term_minus(self, left: Parsed, right: Parsed) -> Said:
        """``the gross minus the tax``."""
        return self._sum(nodes.Subtract, left, right)

    def _sum(self, kind: type[nodes.Add | nodes.Subtract], left: Parsed, right: Parsed) -> Said:
        one, other = self.value(left), self.term(right)
        if isinstance(other, Amount) and other.unit is not None:
            return self.shifted(one, other, back=kind is nodes.Subtract)
        if isinstance(one, nodes.Previous) and one.start is None:
            one = replace(one, start=nodes.Literal(0))
        return kind(one, self.value(right) if not isinstance(other, Amount) else self.plain(other))

    def shifted(self, base: nodes.Term, by: Amount, *, back: bool) -> nodes.Term:
        """Return a time moved by an amount."""
        if by.unit is None or not isinstance(by.number, int):
            raise Misfit(f"{by.number} needs to be a whole number of days, months or years", 4)
        number: nodes.Term = nodes.Literal(-by.number if back else by.number, by.constant)
        if back and by.constant is not None:
            number = nodes.Negate(nodes.Literal(by.number, by.constant))
        return nodes.Shift(base, number, by.unit)

    def term_times(self, left: Parsed, right: Parsed) -> Said:
        """``30% of the salary``, ``a times b``."""
        one = (
            nodes.Literal(quantities.percentage(left))
            if isinstance(left, Token)
            else self.value(left)
        )
        return nodes.Multiply(one, self.value(right))

    def term_multiple(self, times: Token, factor: Parsed) -> Said:
        """``twice the bonus``, ``a third of the salary``."""
        said = normal(times)
        if said == "a third":
            return nodes.Divide(self.value(factor), nodes.Literal(3))
        return nodes.Multiply(nodes.Literal(quantities.multiple(said)), self.value(factor))

    def term_divided(self, left: Parsed, right: Parsed) -> Said:
        """``the amount divided by 12``."""
        return nodes.Divide(self.value(left), self.value(right))

    def term_sum_of(self, *terms: Parsed) -> Said:
        """``the sum of a, b and c``."""
        total = self.value(terms[0])
        for term in terms[1:]:
            total = nodes.Add(total, self.value(term))
        return total

    def term_difference(self, left: Parsed, right: Parsed) -> Said:
        """``the difference between a and b``: how far apart they are."""
        return nodes.Absolute(nodes.Subtract(self.value(left), self.value(right)))

    def term_product_of(self, left: Parsed, right: Parsed) -> Said:
        """``the product of a and b``."""
        return nodes.Multiply(self.value(left), self.value(right))

    def term_extreme(self, word: Token, left: Parsed, right: Parsed) -> Said:
        """``the larger of a and b``."""
        high = re.search(r"larger|greater|higher|later|maximum", word.lower())
        kind = nodes.Maximum if high else nodes.Minimum
        return kind((self.value(left), self.value(right)))

    def term_distance(self, unit: Token, left: Parsed, right: Parsed) -> Said:
        """``the number of days between a and b``."""
        if quantities.unit(unit) != "days":
            raise Misfit("the time between two columns is counted in days", 4)
        return nodes.Subtract(self.value(right), self.value(left))

    def term_length(self, factor: Parsed) -> Said:
        """``the length of the name``."""
        return nodes.Length(self.value(factor))

    def term_part(self, word: Token, factor: Parsed) -> Said:
        """``the year of the order date``."""
        name = normal(word).removeprefix("the ").removesuffix(" of")
        return nodes.DatePart(name, self.value(factor))  # type: ignore[arg-type]
