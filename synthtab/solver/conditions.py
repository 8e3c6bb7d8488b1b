"""The conditions within a rule that should be able to hold: premises, branches, sides of `or`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from synthtab.ir import core, nodes
from synthtab.ir.normalise import lower
from synthtab.ir.walk import children


@dataclass(frozen=True)
class Part:
    """A condition that makes its rule say less than it seems if no row makes it TRUE.

    ``wanted`` is TRUE where the condition has its say; ``title`` tells what it is; ``inner`` are
    the parts within it, which do not matter where it never holds.
    """

    node: nodes.Condition
    wanted: core.Cond
    title: str
    inner: tuple[Part, ...] = ()

    @property
    def is_branch(self) -> bool:
        """Whether it is a branch of a ``case``, which earlier branches can keep from its turn."""
        return self.title == _BRANCH


_BRANCH = "a branch of `case`"


def parts(node: nodes.Node, table: nodes.Table, *, negated: bool = False) -> tuple[Part, ...]:
    """Return the outermost parts of a checked condition or term.

    Not among them: the premise of ``when ... then false``, which is how one forbids something, and
    the sides of an `or` under `not`, which forbids all of them.
    """
    match node:
        case nodes.When(premise, conclusion) if not negated:
            within = (*parts(premise, table), *parts(conclusion, table))
            if isinstance(conclusion, nodes.Literal):
                return within
            return (Part(premise, lower(premise, table), "the premise", within),)
        case nodes.Or(args) if not negated:
            return tuple(Part(a, lower(a, table), "a side of `or`", parts(a, table)) for a in args)
        case nodes.Case(branches, otherwise):
            found: list[Part] = []
            before: list[core.Cond] = []
            for condition, term in branches:
                own = lower(condition, table)
                within = (*parts(condition, table), *parts(term, table))
                taken = core.And((*before, own)) if before else own
                found.append(Part(condition, taken, _BRANCH, within))
                before.append(core.Not(core.IsTrue(own)))
            last = () if otherwise is None else parts(otherwise, table)
            return (*found, *last)
        case nodes.Not(operand):
            return parts(operand, table, negated=True)
        case _:
            return _flat(parts(c, table, negated=negated) for c in children(node))


def _flat(many: Iterable[tuple[Part, ...]]) -> tuple[Part, ...]:
    return tuple(part for some in many for part in some)
