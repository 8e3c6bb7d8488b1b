"""What is to be written of a table, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from synthtab.batch import Batch, Mask
from synthtab.ir import nodes
from synthtab.relational.reading import Rows


@dataclass(frozen=True)
class Task:
    """What is to be written: for each group of siblings its lead's row (-1: none) and its size.

    ``slots`` says for each further reference how many rows each parent is to get (-1: none may).
    ``allows`` says which groups may have other sizes (None: none may): a group ends before a row
    that no attempt makes lawful. ``limits`` has, by columns of numbers of children, how many
    children there may be in all.

    Where rows are written again, ``counts`` has the numbers of children (rows,) that they have,
    ``dealt`` which words of a list their keys are (-1: none), and ``beside`` the table's rows that
    stay.
    """

    parents: Rows
    sizes: Rows
    slots: Mapping[nodes.ReferenceRule, Rows]
    allows: Callable[[Rows], Mask] | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, Rows] = field(default_factory=dict)
    dealt: Mapping[str, Rows] = field(default_factory=dict)
    beside: Batch | None = None


@dataclass(frozen=True)
class Written:
    """A table's rows, sibling by sibling; where they refer to, and how many children each has.

    ``batch`` lacks what is made up last: such columns hold 0. ``tries`` counts rows drawn in all,
    ``unlawful`` those that still break a rule of the view. ``allows`` says which rows (rows,) would
    break no rule if a column of ``counts`` held other numbers.
    """

    batch: Batch
    links: Mapping[nodes.ReferenceRule, Rows]
    counts: Mapping[str, Rows]
    tries: int
    unlawful: int
    allows: Callable[[str, Rows], Mask]
