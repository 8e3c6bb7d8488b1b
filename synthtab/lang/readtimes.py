"""From parsed English to rules about time: before, within, and how old somebody is when."""

from __future__ import annotations

from collections.abc import Sequence

from lark import Token, Tree

from synthtab.ir import nodes
from synthtab.ir.references import references
from synthtab.ir.types import DateT, DatetimeT
from synthtab.lang import quantities
from synthtab.lang.readcompare import CompareReader, operator
from synthtab.lang.readterms import Amount, Misfit, Parsed, Said, Word


class TimeReader(CompareReader):
    """Adds points in time and ages to comparisons."""

    def timed(self, tree: Parsed, subject: Said | None) -> nodes.Condition:
        """Return what is said about time, of a date or of what happens to the row."""
        assert isinstance(tree, Tree)
        parts = tree.children
        match tree.data:
            case "event_done":
                return nodes.Not(nodes.IsNull(self.event(parts[-1], subject)))
            case "event_when":
                return self.temporal(parts[1], self.event(parts[0], subject))
            case "when":
                if subject is None or isinstance(subject, Word | Amount):
                    raise Misfit("it is not said which date is meant", 2)
                return self.temporal(parts[0], subject)
            case "age" | "older" | "age_between" | "adults" | "age_now" | "age_now_between":
                return self._age(str(tree.data), parts, subject)
        raise Misfit(f"{tree.data} is not said of this")

    def event(self, event: Parsed, subject: Said | None) -> nodes.Term:
        """Return when something happened to the row, or to the row that the subject names."""
        assert isinstance(event, Token)
        if subject is None:
            return self.column(event)
        path, table = self._named_row(subject)
        return self.at(path, self.column(event, table).name)

    def _named_row(self, subject: Said) -> tuple[tuple[str, ...], nodes.Table]:
        """Return the path to the row that a referring column stands for."""
        rule = self.reference_of(subject.name) if isinstance(subject, nodes.ColumnRef) else None
        if rule is None:
            raise Misfit("nothing happens to a value", 1)
        same = [r for r in references(self.table) if r.parent == rule.parent]
        by_table = len(same) == 1 and rule.parent != self.table.name
        path = (rule.parent,) if by_table else rule.columns
        return path, self.world.tables[rule.parent]

    # Points in time.

    def moment(self, tree: Parsed) -> nodes.Term:
        """Return a point in time: a date, a column, or "they were hired"."""
        assert isinstance(tree, Tree)
        match tree.data:
            case "event_term":
                return self.column(next(t for t in _tokens(tree) if t.type == "EVENT"))
            case "event_of":
                owner, *_, event = _tokens(tree)
                path, table = self.reach(owner)
                return self.at(path, self.column(event, table).name)
        said = self.term(tree.children[0])
        if isinstance(said, Word):
            raise Misfit(f"“{said.text}” is no date", 2)
        if isinstance(said, Amount):
            if said.unit is not None:
                raise Misfit("a length of time is no point in time", 2)
            return nodes.Literal(said.number, said.constant)
        return said

    def temporal(self, tree: Parsed, subject: nodes.Term) -> nodes.Condition:
        """Return how a date lies to others."""
        assert isinstance(tree, Tree)
        if not isinstance(self.kind(subject), DateT | DatetimeT):
            raise Misfit("only dates are before or after something", 3)
        parts = list(tree.children)
        match tree.data:
            case "time_between":
                lo, hi = (self.moment(p) for p in parts)
                return self.between(subject, _amount(lo), _amount(hi))
            case "around":
                by, center = self.amount_of(parts[0]), self.moment(parts[1])
                ends = (self.shifted(center, by, back=True), self.shifted(center, by, back=False))
                return self.between(subject, *ends)
            case "soon_after":
                by, start = self.amount_of(parts[0]), self.moment(parts[1])
                return self.between(subject, start, self.shifted(start, by, back=False))
            case "soon_before":
                by, end = self.amount_of(parts[0]), self.moment(parts[1])
                return self.between(subject, self.shifted(end, by, back=True), end)
            case "distance_after" | "distance_before":
                return self._distance(parts, subject, back=tree.data == "distance_before")
            case "same_time":
                return self.relate("=", subject, _amount(self.moment(parts[1])))
        return self.relate(operator(str(parts[0])), subject, _amount(self.moment(parts[1])))

    def _distance(
        self, parts: Sequence[Parsed], subject: nodes.Term, *, back: bool
    ) -> nodes.Condition:
        op = operator(str(parts[0])) if isinstance(parts[0], Token) else "="
        by, base = self.amount_of(parts[-2]), self.moment(parts[-1])
        if back and op not in ("=", "!="):
            turned: dict[str, nodes.CompareOp] = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
            op = turned[op]
        return self.relate(op, subject, self.shifted(base, by, back=back))

    def term_shifted_after(self, amount: Parsed, base: Parsed) -> Said:
        """``30 days after the start``."""
        return self.shifted(self.value(base), self.amount_of(amount), back=False)

    def term_shifted_before(self, amount: Parsed, base: Parsed) -> Said:
        """``30 days before the end``."""
        return self.shifted(self.value(base), self.amount_of(amount), back=True)

    # Ages, in completed years.

    def _age(self, what: str, parts: Sequence[Parsed], subject: Said | None) -> nodes.Condition:
        numbers = [
            quantities.number(str(p)) for p in parts if isinstance(p, Token) and p.type == "NUMBER"
        ]
        ages = [n for n in numbers if isinstance(n, int)]
        if len(ages) != len(numbers):
            raise Misfit("an age is a whole number of years", 4)
        moment = parts[-1] if isinstance(parts[-1], Tree) else None
        first = parts[0]
        word = str(first) if isinstance(first, Token) and first.type in ("OP", "OLDER") else ""
        if what in ("age_between", "age_now_between"):
            bounds: list[tuple[nodes.CompareOp, int]] = [(">=", ages[0]), ("<=", ages[1])]
        elif what == "adults":
            bounds = [(">=", ages[0])]
        else:
            bounds = [(operator(word), ages[0])]
        if moment is None:
            return self._age_column(bounds, subject)
        when = self._at_age(moment)
        path: tuple[str, ...] = ()
        table = self.table
        if subject is not None:
            path, table = self._named_row(subject)
        birth = self.at(path, self._birth(table))
        limits = [self._reached(op, age, birth, when) for op, age in bounds]
        return limits[0] if len(limits) == 1 else nodes.And(tuple(limits))

    def _age_column(
        self, bounds: Sequence[tuple[nodes.CompareOp, int]], subject: Said | None
    ) -> nodes.Condition:
        if subject is not None:
            path, table = self._named_row(subject)
        else:
            path, table = (), self.table
        if "age" not in table.column_names:
            raise Misfit(
                f"table {table.name} has no column `age`: say when somebody is so old, as in “at "
                f"least {bounds[0][1]} when hired”",
                5,
            )
        age = self.at(path, "age")
        if len(bounds) > 1:
            lo, hi = (nodes.Literal(n) for _, n in bounds)
            return nodes.Between(age, lo, hi)
        return self.relate(bounds[0][0], age, Amount(bounds[0][1]))

    def _at_age(self, moment: Tree[Token]) -> nodes.Term:
        token = next(t for t in _tokens(moment) if t.type in ("COLUMN", "EVENT"))
        when = self.column(token)
        kind = self.kind(when)
        if isinstance(kind, DatetimeT):
            return nodes.DatePart("date", when)
        if not isinstance(kind, DateT):
            raise Misfit(f"“{token}” is no date", 2)
        return when

    def _birth(self, table: nodes.Table) -> str:
        senses = [s for s in self.world.lexicon.senses("EVENT", "born") if s.table == table.name]
        if not senses:
            raise Misfit(f"table {table.name} has no date of birth to count an age from", 5)
        return senses[0].column

    def _reached(
        self, op: nodes.CompareOp, age: int, birth: nodes.Term, when: nodes.Term
    ) -> nodes.Condition:
        """Return a bound on the completed years at a time: at most 67 is before turning 68."""
        match op:
            case ">" | "<=":
                age += 1
                op = ">=" if op == ">" else "<"
            case "=":
                after = self._reached(">=", age, birth, when)
                return nodes.And((after, self._reached("<=", age, birth, when)))
            case "!=":
                raise Misfit("an age is at least, at most or exactly so many years", 3)
        birthday = self.shifted(birth, Amount(age, "years"), back=False)
        return nodes.Compare(op, when, birthday)


def _tokens(tree: Tree[Token]) -> list[Token]:
    """Return the tokens of a tree that are names of the model, in order."""
    return [
        t
        for t in tree.scan_values(lambda v: isinstance(v, Token))
        if t.type in ("COLUMN", "TABLE", "EVENT")
    ]


def _amount(term: nodes.Term) -> Said:
    """Return a plain number as an amount, so that it may be a year."""
    if isinstance(term, nodes.Literal) and isinstance(term.value, int):
        return Amount(term.value, None, term.constant)
    return term
