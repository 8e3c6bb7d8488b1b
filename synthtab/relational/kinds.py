"""What rows can add to several sums at once, told apart by which sums they add nothing to.

``sum(debit of line)`` and ``sum(credit of line)`` can each come to anything. But where a line has
either a debit or a credit, two sums that are both above 0 take two lines: each line is of one kind,
and how many there are of each kind bounds both sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from synthtab.ir import nodes
from synthtab.ir.normalise import lower
from synthtab.relational.hidden import Reach
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import Inquiry, rule_claims

MOST = 3
"""Sums that are looked at together, at most: there are twice as many kinds with each."""
FEW = 4
"""More kinds than this are not told apart: the Plan has to eliminate the number of each."""
SECONDS = 2.0
"""The time for finding out which kinds there are; one that is not decided is taken for possible."""


@dataclass(frozen=True)
class Kinds:
    """``sums`` that rows can add nothing to, and the kinds of rows there are.

    A kind says of each sum whether such a row adds to it.
    """

    sums: tuple[Reach, ...]
    kinds: tuple[tuple[bool, ...], ...]


def kinds(table: nodes.Table, sums: Sequence[Reach]) -> Kinds | None:
    """Return the kinds of rows of ``table``, whose rules are about one row, in some sums.

    None where the kinds say no more than each sum does alone.
    """
    open_ = tuple(s for s in sums if s.amount.lo == 0 < s.amount.hi)[:MOST]
    if len(open_) < 2:
        return None
    asked = Inquiry(table, rule_claims(table, table.row_rules), Deadline(SECONDS))
    found = []
    for kind in product((False, True), repeat=len(open_)):
        signs = [
            nodes.Compare(">" if adds else "=", s.term, nodes.Literal(0))
            for s, adds in zip(open_, kind, strict=True)
        ]
        if asked.can(lower(nodes.And(tuple(signs)), table)).verdict != "no":
            found.append(kind)
    told = 0 < len(found) < 2 ** len(open_) and len(found) <= FEW
    return Kinds(open_, tuple(found)) if told else None
