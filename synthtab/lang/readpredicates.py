"""From parsed English to predicates: what is said of a row, or of one of its values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lark import Token, Tree

from synthtab.ir import nodes
from synthtab.ir.types import DateT, DatetimeT, NumberT
from synthtab.lang import quantities
from synthtab.lang.lexicon import normal
from synthtab.lang.readcompare import all_of, any_of, negated, operator
from synthtab.lang.readterms import Amount, Misfit, Parsed, Said, Word, name_token
from synthtab.lang.readtimes import TimeReader
from synthtab.schema import BooleanType, DecimalType, IntegerType

_NOT = re.compile(r"\b(not|never|cannot|no)\b")
_MAY = re.compile(r"(may|can)(?! not\b)(?! never\b)(?! only\b)\b")
# What is no bound: to permit it says nothing.
_NO_BOUND = frozenset(
    [
        "empty",
        "given",
        "has",
        "has_no",
        "is_kind",
        "truth",
        "is_term",
        "event_done",
        "sign",
        "both",
        "either",
        "one_of",
        "has_value",
        "has_children",
        "equal",
        "differ",
    ]
)
_SIGNS: dict[str, tuple[nodes.CompareOp, int]] = {
    "positive": (">", 0),
    "negative": ("<", 0),
    "zero": ("=", 0),
    **dict.fromkeys(("non-negative", "nonnegative", "not negative"), (">=", 0)),
    **dict.fromkeys(("non-zero", "nonzero", "not zero"), ("!=", 0)),
}


class PredicateReader(TimeReader):
    """Adds predicates to comparisons and times.

    They are said of a term, or of the row itself where ``subject`` is None.
    """

    def predicate(self, tree: Parsed, subject: Said | None) -> nodes.Condition:
        """Return what a verb and its complement say of the subject."""
        assert isinstance(tree, Tree)
        parts = tree.children
        match tree.data:
            case "both":
                return all_of([self.predicate(p, subject) for p in parts])
            case "either":
                return any_of([self.predicate(p, subject) for p in parts])
            case "be" | "have" | "do":
                verb = parts[0] if len(parts) > 1 else None
                self._refuse_permission(verb, parts[-1])
                read = {"be": self.quality, "do": self.act}.get(str(tree.data))
                said = self.having(parts[-1], subject) if read is None else read(parts[-1], subject)
                return (
                    self.opposite(said)
                    if verb is not None and _NOT.search(str(verb).lower())
                    else said
                )
        return self.act(tree, subject)

    def _refuse_permission(self, verb: Parsed | None, said: Parsed) -> None:
        """Refuse "the bonus may be empty": it forbids nothing, unless of none or only of some."""
        if verb is None:
            # A verb without "must" is understood, but one with it comes first.
            self.choices.cost += isinstance(said, Tree) and said.data == "when"
            return
        free = _MAY.match(normal(str(verb))) and not (self.forbidding or self.only_if)
        bounded = isinstance(said, Tree) and "OP" in {getattr(t, "type", "") for t in said.children}
        if free and not bounded and isinstance(said, Tree) and said.data in _NO_BOUND:
            raise Misfit(
                "“may” permits something and forbids nothing: say “must”, “cannot” or “only ... "
                "may”",
                7,
            )

    @staticmethod
    def opposite(said: nodes.Condition) -> nodes.Condition:
        """Return what "no ..." and "cannot" say, where that is one thing: "no two" is not."""
        match said:
            case nodes.Compare("=", nodes.Aggregate("count"), nodes.Literal(int() as number)):
                if number > 0:
                    raise Misfit(
                        f"“no ... {number}” can mean fewer, or any other number: say “at most” or "
                        "“more than”",
                        7,
                    )
        return negated(said)

    def subject_term(self, subject: Said | None, what: str) -> nodes.Term:
        """Return the subject as a term; Misfit where it is the row."""
        if subject is None or isinstance(subject, Word | Amount):
            raise Misfit(f"it is not said which column {what}", 3)
        return subject

    def act(self, tree: Parsed, subject: Said | None) -> nodes.Condition:
        """Return what a verb other than `be` and `have` says."""
        assert isinstance(tree, Tree)
        parts = tree.children
        match tree.data:
            case "exceed" | "equal" | "differ":
                op: nodes.CompareOp = (
                    ">" if tree.data == "exceed" else "=" if tree.data == "equal" else "!="
                )
                term = self.subject_term(subject, "is compared")
                return self.relate(op, term, self.term(parts[-1]))
            case "earn":
                if subject is not None:
                    raise Misfit("a value earns nothing")
                token, measured = parts
                assert isinstance(token, Token)
                return self.measured(measured, self.column(token))
            case "like":
                return self._like(str(parts[0]), str(parts[1])[1:-1], subject)
            case "weekday":
                return self._weekday(str(parts[-1]), subject)
            case "event_weekday":
                return self._weekday(str(parts[-1]), self.event(parts[0], subject))
            case "do":
                return self.predicate(tree, subject)
            case "perfect":
                done = nodes.Not(nodes.IsNull(self.event(parts[-1], subject)))
                return negated(done) if _NOT.search(str(parts[0]).lower()) else done
        return self.timed(tree, subject)

    def quality(self, tree: Parsed, subject: Said | None) -> nodes.Condition:
        """Return what stands after `be`."""
        assert isinstance(tree, Tree)
        parts = tree.children
        match tree.data:
            case "both":
                return all_of([self.quality(p, subject) for p in parts])
            case "either":
                return any_of([self.quality(p, subject) for p in parts])
            case "neither":
                return all_of([negated(self.quality(p, subject)) for p in parts[1:]])
            case "not_quality":
                return negated(self.quality(parts[-1], subject))
            case "empty":
                return nodes.IsNull(self.subject_term(subject, "is empty"))
            case "given":
                return nodes.Not(nodes.IsNull(self.subject_term(subject, "is given")))
            case "sign":
                word = re.sub(r"^an? | (number|amount|value)s?$", "", normal(str(parts[0])))
                op, number = _SIGNS[word]
                return self.relate(op, self.subject_term(subject, "is meant"), Amount(number))
            case "truth":
                term = self.subject_term(subject, "is true")
                return self.relate("=", term, Word(str(parts[0])))
            case "is_kind":
                return self._is_kind(parts[-1], subject)
            case "one_of":
                return self.one_of(parts[0], subject)
            case "characters":
                return self._characters(parts, subject)
            case "weekday":
                return self._weekday(str(parts[-1]), subject)
            case "measure" | "between" | "not_between" | "is_term":
                return self.measured(tree, self._measurable(subject))
        return self.timed(tree, subject)

    def _measurable(self, subject: Said | None) -> nodes.Term:
        """Return what a measure is of: of a row without a column it would be its age."""
        if subject is None and "age" in self.table.column_names:
            return nodes.ColumnRef("age")
        if subject is None:
            raise Misfit(
                f"it is not said which column of {self.table.name} is so much; of an age say when, "
                "as in “at least 18 when hired”",
                5,
            )
        return self.subject_term(subject, "is so much")

    def _is_kind(self, kind: Parsed, subject: Said | None) -> nodes.Condition:
        if subject is None:
            return self.of_kind(kind)
        assert isinstance(kind, Tree)
        token = kind.children[0]
        assert isinstance(token, Token)
        if token.type == "FLAG":
            raise Misfit(f"“{token}” is said of rows, not of a column")
        return self.relate("=", self.subject_term(subject, "is meant"), Word(str(token)))

    def one_of(self, tree: Parsed, subject: Said | None) -> nodes.Condition:
        """Return ``subject in (...)``."""
        assert isinstance(tree, Tree)
        said: list[Said] = []
        for each in tree.children:
            assert isinstance(each, Tree)
            token = each.children[0]
            assert isinstance(token, Token)
            if token.type == "NUMBER":
                said.append(self.term_amount(token))
            else:
                said.append(
                    self.term_date(token) if token.type == "DATE" else self.term_word(token)
                )
        if subject is None:
            first = tree.children[0]
            assert isinstance(first, Tree)
            token = first.children[0]
            assert isinstance(token, Token)
            if token.type != "VALUE":
                raise Misfit(f"it is not said which column is {token}", 3)
            subject = nodes.ColumnRef(self.sense(token).column)
        term = self.subject_term(subject, "is one of these")
        options = [self.relate("=", term, s) for s in said]
        if len(options) == 1:
            return options[0]
        literals = [o.right for o in options if isinstance(o, nodes.Compare)]
        if not all(isinstance(r, nodes.Literal) for r in literals):
            raise Misfit("a list of values holds constants only", 2)
        return nodes.In(term, tuple(r for r in literals if isinstance(r, nodes.Literal)))

    def measured(self, tree: Parsed, subject: nodes.Term) -> nodes.Condition:
        """Return a comparison: ``at least 5``, ``between 1 and 2``, or a plain value."""
        assert isinstance(tree, Tree)
        parts = tree.children
        match tree.data:
            case "between" | "not_between":
                lo, hi = (self.term(p) for p in parts[-2:])
                said = self.between(subject, lo, hi)
                return nodes.Not(said) if tree.data == "not_between" else said
            case "is_term":
                return self.relate("=", subject, self.term(parts[0]))
        return self.relate(operator(str(parts[0])), subject, self.term(parts[1]))

    def _characters(self, parts: Sequence[Parsed], subject: Said | None) -> nodes.Condition:
        number = quantities.number(str(parts[-1]))
        op = operator(str(parts[0])) if len(parts) > 1 else "="
        term = self.subject_term(subject, "is so long")
        return nodes.Compare(op, nodes.Length(term), nodes.Literal(number))

    def _like(self, verb: str, text: str, subject: Said | None) -> nodes.Condition:
        if "%" in text or "_" in text:
            raise Misfit("a part of a text cannot hold % or _", 4)
        term = self.subject_term(subject, "is meant")
        start = re.match(r"(start|begin)", verb.lower())
        end = verb.lower().startswith("end")
        return nodes.Like(term, f"{text}%" if start else f"%{text}" if end else f"%{text}%")

    def _weekday(self, words: str, subject: Said | None) -> nodes.Condition:
        term = self.subject_term(subject, "falls on that day")
        if not isinstance(self.kind(term), DateT | DatetimeT):
            raise Misfit("only a date falls on a day of the week", 3)
        days = quantities.weekdays(words)
        part = nodes.DatePart("weekday", term)
        if len(days) == 1:
            return nodes.Compare("=", part, nodes.Literal(days[0]))
        op: nodes.CompareOp = "<=" if days[0] == 1 else ">="
        return nodes.Compare(op, part, nodes.Literal(5 if days[0] == 1 else 6))

    # What rows have.

    def absent(self, column: nodes.ColumnRef) -> nodes.Condition:
        """Return that a row does not have a column: it is NULL, or zero where it cannot be."""
        declared = self.table.column(column.name)
        is_number = isinstance(declared.type, IntegerType | DecimalType)
        if is_number and not declared.optional and not self._is_identifier(column):
            return self.relate("=", column, Amount(0))
        return nodes.IsNull(column)

    def having(self, tree: Parsed, subject: Said | None = None) -> nodes.Condition:
        """Return what stands after `have`."""
        assert isinstance(tree, Tree)
        parts = tree.children
        match tree.data:
            case "both":
                return all_of([self.having(p, subject) for p in parts])
            case "either":
                return any_of([self.having(p, subject) for p in parts])
            case "neither":
                return all_of([negated(self.having(p, subject)) for p in parts[1:]])
            case "characters":
                return self._characters(parts, subject)
        if subject is not None:
            raise Misfit("only rows have something")
        return self._row_has(str(tree.data), parts)

    def _row_has(self, what: str, parts: Sequence[Parsed]) -> nodes.Condition:
        match what:
            case "has" | "has_no":
                column = self.column(name_token(parts[-1]))
                if isinstance(self.table.column(column.name).type, BooleanType):
                    raise Misfit(f"“{parts[-1]}” is true or false")
                return self.absent(column) if what == "has_no" else negated(self.absent(column))
            case "has_measured":
                return self.measured(parts[1], self.column(name_token(parts[0])))
            case "has_that":
                column = self.column(name_token(parts[0]))
                said = self.quality(parts[2], column)
                return negated(said) if _NOT.search(str(parts[1]).lower()) else said
            case "has_temporal":
                return self.timed(Tree("when", [parts[1]]), self.column(name_token(parts[0])))
            case "has_amount" | "has_exactly":
                column = self.column(name_token(parts[-1]))
                if not isinstance(self.kind(column), NumberT) or self._names_row(column):
                    raise Misfit(f"“{parts[2]}” is no number")
                op = operator(str(parts[0])) if len(parts) > 2 else "="
                return self.relate(op, column, self.term(parts[-2]))
            case "has_value":
                return self.one_of(parts[1], self.column(name_token(parts[0])))
            case "same_as":
                path, table = self.reach(name_token(parts[1]))
                if not path:
                    raise Misfit("a row is the same as itself")
                own, other = (
                    self.column(name_token(parts[0])),
                    self.column(name_token(parts[0]), table),
                )
                return self.relate("=", own, self.at(path, other.name))
            case "has_between":
                lo, hi = (nodes.Literal(quantities.number(str(p))) for p in parts[:2])
                return nodes.Between(self.count(list(parts[2:]), whole=False), lo, hi)
            case "has_distinct":
                raise Misfit("say “the number of different ...”", 1)
        return self._children(parts)

    def _children(self, parts: Sequence[Parsed]) -> nodes.Condition:
        """Return how many rows of another table a row has."""
        op: nodes.CompareOp = ">="
        number: int = 1
        rest = list(parts)
        while isinstance(token := rest[0], Token) and token.type in ("OP", "NUMBER", "NO"):
            rest.pop(0)
            if token.type == "OP":
                op = operator(str(token))
            elif token.type == "NO":
                op, number = "=", 0
            else:
                op = op if len(rest) < len(parts) - 1 else "="
                number = int(quantities.number(str(token)))
        counted = self.count(rest, whole=False)
        if counted.of is None:
            raise Misfit("a row has rows of other tables only")
        return nodes.Compare(op, counted, nodes.Literal(number))

    def of_kind(self, tree: Parsed) -> nodes.Condition:
        """Return the condition that a row is a `director`, or `insured`."""
        assert isinstance(tree, Tree)
        token = tree.children[0]
        assert isinstance(token, Token)
        sense = self.sense(token)
        if sense.kind == "FLAG":
            flag = nodes.ColumnRef(sense.column)
            if isinstance(self.table.column(sense.column).type, BooleanType):
                return flag
            return nodes.Compare("=", flag, nodes.Literal(1))
        return nodes.Compare("=", nodes.ColumnRef(sense.column), nodes.Literal(sense.value))
