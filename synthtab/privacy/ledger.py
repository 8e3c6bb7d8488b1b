"""The ledger: one budget of epsilon and delta, and every charge made against it.

Costs are added as Rényi divergences, order by order, and the sum is turned into an epsilon at the
delta that is left; where all costs are pure, the sum of their epsilons may be less and then counts.
Charges may be chosen as one goes, by what was released before: a sequence that stops before its sum
at some order passes the budget keeps to it (Lécuyer, "Practical privacy filters and odometers with
Rényi differential privacy", 2021; Feldman and Zrnic, "Individual privacy accounting via a Rényi
filter", 2021).
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from synthtab.errors import BudgetError, SavedModelError, SynthTabError
from synthtab.privacy.costs import Cost, Curve, Gaussian, Pure, epsilon_at, from_dict, to_dict
from synthtab.privacy.settings import Neighbours, check_budget

SLACK = 1e-9
"""By how much, relatively, sums of floats may pass the budget."""
SPARE = 1e-12
"""By how much, relatively, parts of what is left are less: added up, floats would pass it else."""


@dataclass(frozen=True)
class Part:
    """A part of the data, told by a public condition: parts of one ``whole`` have no row in common.

    One row lies in one part, so that parts are charged side by side: the dearest counts.
    """

    whole: str
    name: str


@dataclass(frozen=True)
class Charge:
    """One access to real rows.

    ``mechanism`` in words, ``cost``, which columns it ``reads``, and ``why``; ``part``, if any,
    says that it looks at some of the rows only. ``settings`` are shown beside it.
    """

    mechanism: str
    cost: Cost
    reads: tuple[str, ...]
    why: str
    part: Part | None = None
    settings: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the charge as plain data."""
        return {
            "mechanism": self.mechanism,
            "cost": to_dict(self.cost),
            "reads": list(self.reads),
            "why": self.why,
            "part": None if self.part is None else [self.part.whole, self.part.name],
            "settings": dict(self.settings),
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Charge:
        """Return the charge that :meth:`to_dict` made ``facts`` of."""
        return cls(
            facts["mechanism"],
            from_dict(facts["cost"]),
            tuple(facts["reads"]),
            facts["why"],
            None if facts["part"] is None else Part(*facts["part"]),
            dict(facts["settings"]),
        )


@dataclass(frozen=True)
class Purse:
    """Budget in the currency that mechanisms are planned in.

    ``rho``: zero-concentrated divergence, to be shared between Gaussian noise and selections. Where
    delta is 0 there is none, and ``epsilon`` is shared between geometric noise and selections.
    """

    rho: float | None
    epsilon: float

    def share(self, part: float) -> Purse:
        """Return a share (0 to 1) of it, such that all shares together do not pass it."""
        part *= 1 - SPARE
        return Purse(None if self.rho is None else self.rho * part, self.epsilon * part)

    def without(self, kept: Purse) -> Purse:
        """Return what is left of it when another purse of its kind is kept back."""
        if self.rho is None or kept.rho is None:
            return Purse(None, max(0.0, self.epsilon - kept.epsilon))
        return Purse(max(0.0, self.rho - kept.rho), self.epsilon)


class Ledger:
    """One release's budget, and what was charged to it. Threads may share it."""

    def __init__(
        self,
        epsilon: float,
        delta: float,
        neighbours: Neighbours = Neighbours(),  # noqa: B008
    ) -> None:
        """Open a ledger. Raises UsageError where epsilon or delta is none."""
        check_budget(epsilon, delta)
        self._epsilon, self._delta, self._neighbours = float(epsilon), float(delta), neighbours
        self._charges: list[Charge] = []
        self._lock = threading.Lock()

    @property
    def epsilon(self) -> float:
        """The epsilon of the whole release. It cannot be raised afterwards."""
        return self._epsilon

    @property
    def delta(self) -> float:
        """The delta of the whole release."""
        return self._delta

    @property
    def neighbours(self) -> Neighbours:
        """The relation that all charges are about."""
        return self._neighbours

    @property
    def charges(self) -> tuple[Charge, ...]:
        """What was charged, in order."""
        return tuple(self._charges)

    def spend(self, charge: Charge) -> None:
        """Book a charge. Raises BudgetError, with nothing booked, where it does not fit."""
        with self._lock:
            after = [*self._charges, charge]
            if not self._fit(after):
                raise BudgetError(self._refusal(charge))
            self._charges.append(charge)

    def fits(self, *charges: Charge) -> bool:
        """Say whether charges would still fit, together."""
        with self._lock:
            return self._fit([*self._charges, *charges])

    def spent(self) -> tuple[float, float]:
        """Return the epsilon and the delta that all charges together come to.

        The delta is the ledger's own where Rényi divergences are converted at it, 0 where all
        charges are pure and their sum is the smaller bound.
        """
        with self._lock:
            return self._spent(self._charges)

    def purse(self) -> Purse:
        """Return what is left, as a purse for mechanisms to be planned in."""
        with self._lock:
            used = self._spent(self._charges)[0] if self._charges else 0.0
            if self.delta == 0:
                return Purse(None, max(0.0, self.epsilon - used))
            return Purse(self._room(lambda rho: Gaussian(1 / math.sqrt(2 * rho))), math.nan)

    def epsilon_left(self) -> float:
        """Return the greatest epsilon that pure mechanisms still fit in, which may split it."""
        with self._lock:
            return self._room(Pure) * (1 - SPARE)

    def _room(self, make: Callable[[float], Cost]) -> float:
        """Return the largest number whose cost still fits, by bisection; 0 where none does."""

        def fits(x: float) -> bool:
            # Without the slack: that is for sums of what is spent from here.
            return self._fit([*self._charges, Charge("", make(x), (), "")], slack=0.0)

        low, high = 0.0, 1e-12
        while fits(high) and high < 1e6:
            low, high = high, 4 * high
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low

    def _fit(self, charges: Sequence[Charge], slack: float = SLACK) -> bool:
        if sum(c.cost.delta for c in charges) > self.delta * (1 + slack):
            return False
        return self._spent(charges)[0] <= self.epsilon * (1 + slack)

    def _spent(self, charges: Sequence[Charge]) -> tuple[float, float]:
        two = self.neighbours.kind == "replace"
        pure = _together(charges, lambda c: np.array([c.cost.pure]), two)[0]
        direct = sum(c.cost.delta for c in charges)
        curve = _together(charges, lambda c: c.cost.curve(), two)
        loose = epsilon_at(curve, self.delta - direct)
        return (float(pure), 0.0) if pure <= loose else (loose, self.delta)

    def _refusal(self, charge: Charge) -> str:
        used = self._spent(self._charges)[0]
        return (
            f"the privacy budget does not suffice for {charge.mechanism} ({charge.why}): "
            f"{used:.4g} of epsilon {self.epsilon:.4g} at delta {self.delta:.3g} is spent, and "
            "this would pass it; nothing was read. Raise epsilon, or ask for less"
        )

    # Reports.

    def to_dict(self) -> dict[str, Any]:
        """Return the ledger as plain data."""
        epsilon, delta = self.spent()
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "neighbours": {
                "kind": self.neighbours.kind,
                "unit": self.neighbours.unit,
                "most": self.neighbours.most,
            },
            "spent": {"epsilon": epsilon, "delta": delta},
            "charges": [c.to_dict() for c in self._charges],
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Ledger:
        """Return the ledger that :meth:`to_dict` made ``facts`` of.

        Raises SavedModelError where they are garbled, or charges pass the budget.
        """
        try:
            made = cls(facts["epsilon"], facts["delta"], Neighbours(**facts["neighbours"]))
            for charge in facts["charges"]:
                made.spend(Charge.from_dict(charge))
        except (LookupError, TypeError, ValueError, AttributeError, SynthTabError) as error:
            raise SavedModelError(f"the ledger of the saved model is garbled: {error}") from error
        return made

    def table(self) -> list[tuple[str, str, str, str]]:
        """Return a row per kind of charge: mechanism, reads, why, epsilon of all of it alone."""
        groups: dict[tuple[str, str], list[Charge]] = defaultdict(list)
        for charge in self._charges:
            groups[charge.mechanism, charge.why].append(charge)
        rows = []
        for (mechanism, why), charges in groups.items():
            columns = list(dict.fromkeys(r for c in charges for r in c.reads))
            shown = ", ".join(columns[:4]) + (
                f" and {len(columns) - 4} more" if columns[4:] else ""
            )
            times = f"{len(charges)} x {mechanism}" if len(charges) > 1 else mechanism
            rows.append((times, shown, why, f"{self._spent(charges)[0]:.4f}"))
        return rows


def _together(charges: Iterable[Charge], of: Callable[[Charge], Curve], two: bool) -> Curve:
    """Add up what charges cost, those on parts of one whole side by side.

    A row that is exchanged may leave one part and enter another, so that then ``two`` parts count.
    """
    total = np.zeros(1)
    parts: dict[str, dict[str, Curve]] = defaultdict(dict)
    for charge in charges:
        value = of(charge)
        if charge.part is None:
            total = total + value
        else:
            inside = parts[charge.part.whole]
            inside[charge.part.name] = inside.get(charge.part.name, np.zeros(1)) + value
    for inside in parts.values():
        stack = np.sort(np.stack(np.broadcast_arrays(*inside.values())), axis=0)
        total = total + stack[-2 if two else -1 :].sum(axis=0)
    return total


__all__ = ["Charge", "Gaussian", "Ledger", "Part", "Pure", "Purse"]
