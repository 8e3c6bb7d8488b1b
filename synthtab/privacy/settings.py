"""What a release promises: epsilon, delta, who counts as a neighbour, and how it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from synthtab.errors import UsageError

Mechanism = Literal["marginals", "dp-sgd", "perturb"]
MECHANISMS: tuple[Mechanism, ...] = get_args(Mechanism)
Source = Literal["language-model", "graphical"]
SOURCES: tuple[Source, ...] = get_args(Source)
Kind = Literal["add-remove", "replace"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Unknown = Literal["refuse", "estimate"]
Outside = Literal["clamp", "refuse"]


@dataclass(frozen=True)
class Neighbours:
    """Which data sets a release must not tell apart.

    ``add-remove``: one unit more or less; ``replace``: one unit exchanged for another. A unit is
    one row, or, of several tables, one row of ``unit`` with up to ``most`` children in each other
    table.
    """

    kind: Kind = "add-remove"
    unit: str = "row"
    most: int = 1

    def __post_init__(self) -> None:
        _one_of("neighbours", self.kind, KINDS)
        if not (self.most >= 1 and self.most == int(self.most)):
            raise UsageError(f"most={self.most!r} rows of one unit; it is 1 or more")

    @property
    def l1(self) -> int:
        """Sensitivity of counts of units in disjoint cells, in the sum of absolute differences."""
        return 1 if self.kind == "add-remove" else 2

    @property
    def l2_squared(self) -> int:
        """The same in the sum of squared differences."""
        return 1 if self.kind == "add-remove" else 2

    def in_words(self) -> str:
        """Return the relation as a sentence's object."""
        change = "adding or removing" if self.kind == "add-remove" else "exchanging"
        if self.unit == "row":
            return f"{change} one row"
        return (
            f"{change} one row of `{self.unit}` with all rows of other tables that refer to it "
            f"(at most {self.most} in each table are looked at)"
        )


@dataclass(frozen=True, kw_only=True)
class Privacy:
    """The guarantee asked for, and how rows are made under it.

    ``mechanism``: ``marginals`` (measured marginals, the default), ``dp-sgd`` (noisy training) or
    ``perturb`` (every row by itself). ``generator``: of ``marginals``, whether a language model is
    trained on rows drawn from the estimate, or the estimate itself is drawn from (``graphical``).
    ``neighbours``: ``add-remove`` or ``replace`` one row; None is what suits the mechanism.
    ``domains``: what becomes of a range or of categories that the rules do not declare, ``refuse``
    or ``estimate`` them under the budget. ``outside``: whether values outside what is declared are
    moved into it (``clamp``) or an error (``refuse``). ``structural_zeros``: whether the estimate
    is told which cells the rules leave empty. ``most_children``: of several tables, how many
    children of one parent are looked at, in each table.

    Raises UsageError where a value is none.
    """

    epsilon: float
    delta: float
    mechanism: Mechanism = "marginals"
    generator: Source = "language-model"
    neighbours: Kind | None = None
    domains: Unknown = "refuse"
    outside: Outside = "clamp"
    structural_zeros: bool = True
    most_children: int = 10

    def __post_init__(self) -> None:
        check_budget(self.epsilon, self.delta)
        _one_of("mechanism", self.mechanism, MECHANISMS)
        _one_of("generator", self.generator, SOURCES)
        _one_of("domains", self.domains, get_args(Unknown))
        _one_of("outside", self.outside, get_args(Outside))
        if self.neighbours is not None:
            _one_of("neighbours", self.neighbours, KINDS)
        if self.most_children < 1:
            raise UsageError(f"most_children={self.most_children}; it is 1 or more")
        if self.mechanism != "marginals" and self.generator == "graphical":
            raise UsageError(
                f"generator='graphical' draws from measured marginals; the mechanism "
                f"{self.mechanism!r} measures none"
            )
        if self.mechanism == "dp-sgd" and (self.delta == 0 or self.neighbours == "replace"):
            raise UsageError(
                "dp-sgd adds Gaussian noise to gradients of Poisson samples, which is accounted "
                "for with a delta above 0 and neighbours='add-remove'; 'marginals' does without"
            )
        if self.mechanism == "perturb" and self.neighbours == "add-remove":
            raise UsageError(
                "perturb releases one row for each real row, so that their number is told exactly: "
                "its neighbours are those of 'replace'"
            )

    def relation(self, unit: str = "row", most: int = 1) -> Neighbours:
        """Return the neighbouring relation: of a single table, or of the table ``unit``.

        ``most`` is how many rows of another table belong to one row of ``unit``.
        """
        return Neighbours(
            self.neighbours or ("replace" if self.mechanism == "perturb" else "add-remove"),
            unit,
            most,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Privacy:
        """Return settings that :meth:`to_dict` made ``facts`` of."""
        return cls(**facts)


def check_budget(epsilon: float, delta: float) -> None:
    """Raise UsageError where epsilon or delta is no budget."""
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or math.isnan(epsilon):
        raise UsageError(f"epsilon={epsilon!r} is no number; 1.0 is a usual budget")
    if not 0 < epsilon < math.inf:
        raise UsageError(
            f"epsilon={epsilon!r}; it is a finite number above 0, and small: 1.0 is a usual budget"
        )
    if isinstance(delta, bool) or not isinstance(delta, int | float) or not 0 <= delta < 1:
        raise UsageError(
            f"delta={delta!r}; it is at least 0 and below 1, and far below 1 / the number of rows: "
            "1e-6 is usual"
        )


def refuse_violations(how: str) -> None:
    """Raise UsageError where rows that break rules are to be anything but left out (``drop``)."""
    if how != "drop":
        raise UsageError(
            f"violations={how!r}: under a privacy budget rows that break rules are left out, "
            "whatever they are; an error or a repair would tell of them"
        )


def _one_of(name: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        raise UsageError(f"{name}={value!r}; it is one of {', '.join(map(repr, accepted))}")
