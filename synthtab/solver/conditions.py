"""The conditions within a rule that should be able to hold: premises, branches, sides of `or`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from synthtab.ir import core, nodes
from synthtab.ir.lowered import Lowered
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


def parts(
    node: nodes.Node,
    table: nodes.Table,
    known: Mapping[str, Lowered] | None = None,
    *,
    negated: bool = False,
) -> tuple[Part, ...]:
    """Return the outermost parts of a checked condition or term; ``known`` as for ``lower``.

    Not among them: the premise of ``when ... then false``, which is how one forbids something, and
    the sides of an `or` under `not`, which forbids all of them.
    """

    def within(inner: nodes.Node) -> tuple[Part, ...]:
        return parts(inner, table, known)

    def lowered(condition: nodes.Condition) -> core.Cond:
        return lower(condition, table, known)

    match node:
        case nodes.When(premise, conclusion) if not negated:
            both = (*within(premise), *within(conclusion))
            if isinstance(conclusion, nodes.Literal):
                return both
            return (Part(premise, lowered(premise), "the premise", both),)
        case nodes.Or(args) if not negated:
            return tuple(Part(a, lowered(a), "a side of `or`", within(a)) for a in args)
        case nodes.Case(branches, otherwise):
            found: list[Part] = []
            before: list[core.Cond] = []
            for condition, term in branches:
                own = lowered(condition)
                inner = (*within(condition), *within(term))
                taken = core.And((*before, own)) if before else own
                found.append(Part(condition, taken, _BRANCH, inner))
                before.append(core.Not(core.IsTrue(own)))
            last = () if otherwise is None else within(otherwise)
            return (*found, *last)
        case nodes.Not(operand):
            return parts(operand, table, known, negated=True)
        case _:
            return _flat(parts(c, table, known, negated=negated) for c in children(node))


def _flat(many: Iterable[tuple[Part, ...]]) -> tuple[Part, ...]:
    return tuple(part for some in many for part in some)
