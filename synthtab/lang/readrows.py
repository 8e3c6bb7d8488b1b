"""From parsed English to conditions on a row: who is spoken of, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lark import Token, Tree

from synthtab.ir import nodes
from synthtab.lang.readcompare import all_of, any_of, negated
from synthtab.lang.readpredicates import PredicateReader
from synthtab.lang.readterms import Amount, Misfit, Parsed, Said, Word, name_token


@dataclass(frozen=True)
class Who:
    """The subject of a clause: rows that keep ``premise``, or the values of ``terms``.

    ``negative`` is for "no employee": what is said is true of none; ``either`` for "one of them".
    """

    premise: tuple[nodes.Condition, ...] = ()
    terms: tuple[Said, ...] = ()
    negative: bool = False
    either: bool = False


ROW = Who()


def implied(premise: Sequence[nodes.Condition], conclusion: nodes.Condition) -> nodes.Condition:
    """Return ``when premise then conclusion``, or the conclusion alone."""
    if not premise:
        return conclusion
    if isinstance(conclusion, nodes.When):
        return implied((*premise, conclusion.premise), conclusion.conclusion)
    parts = [p for c in premise for p in (c.args if isinstance(c, nodes.And) else (c,))]
    return nodes.When(nodes.And(tuple(parts)) if len(parts) > 1 else parts[0], conclusion)


class RowReader(PredicateReader):
    """Adds clauses to predicates: sentences about one row."""

    # Sentences.

    def condition(self, tree: Parsed) -> nodes.Condition:
        """Return what a parsed clause or combination of clauses says."""
        assert isinstance(tree, Tree)
        method = getattr(self, f"say_{tree.data}", None)
        if method is None:
            raise Misfit(f"{tree.data} is no condition")
        said: nodes.Condition = method(*tree.children)
        return said

    def say_if_then(self, premise: Parsed, conclusion: Parsed) -> nodes.Condition:
        """``if A then B``."""
        return implied((self.condition(premise),), self.condition(conclusion))

    def say_then_if(self, conclusion: Parsed, premise: Parsed) -> nodes.Condition:
        """``B if A``."""
        return self.say_if_then(premise, conclusion)

    def say_unless_then(self, exception: Parsed, conclusion: Parsed) -> nodes.Condition:
        """``unless A, B``."""
        return implied((negated(self.condition(exception)),), self.condition(conclusion))

    def say_then_unless(self, conclusion: Parsed, exception: Parsed) -> nodes.Condition:
        """``B unless A``."""
        return self.say_unless_then(exception, conclusion)

    def say_only_if(self, conclusion: Parsed, condition: Parsed) -> nodes.Condition:
        """``A only if B``."""
        self.only_if = True
        premise = self.condition(conclusion)
        self.only_if = False
        return implied((premise,), self.condition(condition))

    def say_if_and_only_if(self, left: Parsed, right: Parsed) -> nodes.Condition:
        """``A if and only if B``."""
        return nodes.Iff(self.condition(left), self.condition(right))

    def say_both(self, *parts: Parsed) -> nodes.Condition:
        """``A and B``."""
        return all_of([self.condition(p) for p in parts])

    def say_either(self, *parts: Parsed) -> nodes.Condition:
        """``A or B``."""
        return any_of([self.condition(p) for p in parts])

    def say_clause(self, subject: Parsed, predicate: Parsed) -> nodes.Condition:
        """``employees must have an email``."""
        who = self.who(subject)
        self.forbidding = who.negative
        said = [self.predicate(predicate, t) for t in (who.terms or (None,))]
        if who.negative:
            said = [self.opposite(s) for s in said]
        return implied(who.premise, any_of(said) if who.either else all_of(said))

    def say_only_rows(self, _only: Parsed, rows: Parsed, predicate: Parsed) -> nodes.Condition:
        """``only directors may have a bonus``."""
        who = self.who(rows)
        if not who.premise:
            raise Misfit("“only” needs to pick some of the rows", 2)
        which = who.premise[0] if len(who.premise) == 1 else nodes.And(who.premise)
        self.forbidding = True
        return implied((self.predicate(predicate, None),), which)

    def say_event_done(self, token: Token) -> nodes.Condition:
        """``when shipped``."""
        return nodes.Not(nodes.IsNull(self.column(token)))

    def say_is_kind(self, kind: Parsed) -> nodes.Condition:
        """``when insured``."""
        return self.of_kind(kind)

    # Subjects.

    def who(self, tree: Parsed) -> Who:
        """Return whom a clause is about."""
        assert isinstance(tree, Tree)
        parts = tree.children
        match tree.data:
            case "rows":
                return self._rows(parts)
            case "of_rows":
                rows = next(p for p in parts if isinstance(p, Tree))
                column = next(p for p in parts if isinstance(p, Token))
                owner = self.who(rows)
                return Who(owner.premise, (self.column(column),), owner.negative)
            case "told_term":
                return self._flagless(self.term(parts[0]))
            case "told_terms":
                return Who(terms=tuple(self.term(p) for p in parts))
            case "none_told":
                return Who(terms=tuple(self.term(p) for p in parts[1:]), negative=True)
            case "either_told":
                return Who(terms=tuple(self.term(p) for p in parts), either=True)
            case "no_term":
                return Who(terms=(self.term(parts[1]),), negative=True)
        return ROW

    def _flagless(self, said: Said) -> Who:
        if isinstance(said, Amount | nodes.Literal):
            raise Misfit("a rule is about rows or columns, not about a number", 1)
        if isinstance(said, Word):
            raise Misfit(f"“{said.text}” alone is no column", 1)
        return Who(terms=(said,))

    def _rows(self, parts: Sequence[Parsed]) -> Who:
        premise: list[nodes.Condition] = []
        kinds: list[nodes.Condition] = []
        negative = False
        for part in parts:
            if isinstance(part, Token):
                negative = negative or part.type in ("NO", "NOBODY")
                if part.type == "TABLE" and not self.is_home(part):
                    raise Misfit(f"“{part}” is not table {self.table.name}")
                if part.type == "EVENT":
                    kinds.append(self.say_event_done(part))
            elif part.data == "kind":
                kinds.append(self.of_kind(part))
            else:
                premise += self.limits([part])
        if len(kinds) > 1:
            kinds = [any_of(kinds)]
        return Who((*kinds, *premise), negative=negative)

    def limits(self, trees: Sequence[Parsed]) -> list[nodes.Condition]:
        """Return what picks some of the rows: ``with``, ``without``, ``whose``, ``who``."""
        found: list[nodes.Condition] = []
        for tree in trees:
            assert isinstance(tree, Tree)
            match tree.data:
                case "kind":
                    found.append(self.of_kind(tree))
                case "without":
                    assert isinstance(tree.children[0], Token)
                    found.append(self.absent(self.column(tree.children[0])))
                case "whose":
                    term, predicate = tree.children
                    found.append(self.predicate(predicate, self.term(term)))
                case "who":
                    found.append(self.predicate(tree.children[0], None))
                case "of_column_value":
                    column, value = (name_token(c) for c in tree.children)
                    found.append(self.relate("=", self.column(column), self.term_word(value)))
                case "event_when":
                    found.append(self.timed(tree, None))
                case _:
                    found.append(self.having(tree))
        return found
