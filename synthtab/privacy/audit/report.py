"""An audit's findings together, with a verdict in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synthtab.privacy.audit.attributes import Attribute
from synthtab.privacy.audit.bounds import Bound
from synthtab.privacy.audit.distances import Copies, Nearness
from synthtab.privacy.audit.membership import Membership


@dataclass(frozen=True)
class AuditReport:
    """What attacks achieved on synthetic rows, and lower bounds on epsilon.

    ``confidence`` is that of all findings together: with this probability none is a false alarm.
    ``stated`` is the guarantee (epsilon, delta) that bounds are compared with, if any; ``skipped``
    says which attacks did not apply, and why.
    """

    train: int
    holdout: int
    synthetic: int
    membership: tuple[Membership, ...]
    nearness: tuple[Nearness, ...]
    copies: Copies
    attributes: tuple[Attribute, ...]
    bounds: tuple[Bound, ...] = ()
    stated: tuple[float, float] | None = None
    skipped: tuple[str, ...] = ()
    confidence: float = 0.95

    @property
    def found(self) -> bool:
        """Whether any attack did better than chance, or a bound refutes the stated epsilon."""
        parts: Sequence[Membership | Nearness | Attribute]
        parts = (*self.membership, *self.nearness, *self.attributes)
        return any(part.found for part in parts) or self.refuted

    @property
    def refuted(self) -> bool:
        """Whether a bound lies above the stated epsilon."""
        return any(_refuted(b, self.stated) for b in self.bounds)

    def verdict(self) -> tuple[str, ...]:
        """Return one sentence for each kind of attack, and what follows from them together."""
        lines = [
            _membership(self.membership),
            _nearness(self.nearness),
            _copies(self.copies),
            _attributes(self.attributes),
            *(_bound(b, self.stated) for b in self.bounds),
        ]
        end = (
            f"Leaks were found (with {self.confidence:.0%} confidence in all of this together)."
            if self.found
            else "No leak was found. That is no proof that there is none: other attacks, or more "
            "rows, may find one."
        )
        return (*(line for line in lines if line), end)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, without the scores of single records."""
        return {
            "rows": {"train": self.train, "holdout": self.holdout, "synthetic": self.synthetic},
            "confidence": self.confidence,
            "found": self.found,
            "membership": [m.to_dict() for m in self.membership],
            "nearness": [n.to_dict() for n in self.nearness],
            "copies": {"train": self.copies.train, "holdout": self.copies.holdout},
            "attributes": [a.to_dict() for a in self.attributes],
            "bounds": [
                {
                    "epsilon": b.epsilon,
                    "delta": b.delta,
                    "confidence": b.confidence,
                    "trials": b.trials,
                    "event": b.event,
                    "stated": _held_to(b, self.stated),
                    "refuted": _refuted(b, self.stated),
                }
                for b in self.bounds
            ],
            "stated": None
            if self.stated is None
            else {"epsilon": self.stated[0], "delta": self.stated[1], "refuted": self.refuted},
            "skipped": list(self.skipped),
            "verdict": list(self.verdict()),
        }

    def tables(self) -> tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]:
        """Return titled tables of text, the first row of each being its heading."""
        found = [
            (
                "Membership: members told from other rows",
                (
                    ("attack", "AUC", "interval", "TPR at FPR 1%", "interval", "found"),
                    *(
                        (
                            m.attack,
                            f"{m.auc:.3f}",
                            _interval(m.auc_interval, "{:.3f}"),
                            f"{m.hits:.1%}",
                            _interval(m.hits_interval, "{:.1%}"),
                            _yes(m.found),
                        )
                        for m in self.membership
                    ),
                ),
            ),
            (
                "Synthetic rows nearer to training rows than to the hold-out (50% is ideal)",
                (
                    ("distance", "share", "interval", "found"),
                    *(
                        (
                            n.measure,
                            f"{n.share:.1%}",
                            _interval(n.interval, "{:.1%}"),
                            _yes(n.found),
                        )
                        for n in self.nearness
                    ),
                ),
            ),
            (
                "Secret columns of training rows guessed from the rest (gain: beyond other rows)",
                (
                    ("column", "through synthetic rows", "baseline", "gain", "interval", "found"),
                    *(
                        (
                            a.column,
                            f"{a.through_synthetic:.1%}",
                            f"{a.baseline:.1%}",
                            f"{a.gain:+.1%}",
                            _interval(a.interval, "{:+.1%}"),
                            _yes(a.found),
                        )
                        for a in self.attributes
                    ),
                ),
            ),
            (
                "Lower bounds on epsilon",
                (
                    ("epsilon", "held to", "delta", "confidence", "trials", "by"),
                    *(
                        (
                            f"{b.epsilon:.3f}",
                            _or_none(_held_to(b, self.stated)),
                            f"{b.delta:g}",
                            f"{b.confidence:.1%}",
                            f"{b.trials:,}",
                            b.event,
                        )
                        for b in self.bounds
                    ),
                ),
            ),
        ]
        return tuple((title, rows) for title, rows in found if len(rows) > 1)

    def render(self) -> str:
        """Return the report as text: tables, then the verdict."""
        lines: list[str] = []
        for title, rows in self.tables():
            widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
            lines += [title]
            lines += [
                "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
                for row in rows
            ]
            lines += [""]
        lines += [f"not tried: {reason}" for reason in self.skipped]
        return "\n".join([*lines, *self.verdict()]) + "\n"


def _membership(found: Sequence[Membership]) -> str:
    if not found:
        return ""
    best = max(found, key=lambda m: (m.found, m.auc))
    low, high = best.auc_interval
    figures = f"AUC {best.auc:.3f} ({low:.3f} to {high:.3f}) by {best.attack}"
    if not best.found:
        return f"Who was in the training data cannot be told better than by chance: {figures}."
    return (
        f"Who was in the training data can be told: {figures}, and {best.hits:.1%} of members at "
        "1% false alarms."
    )


def _nearness(found: Sequence[Nearness]) -> str:
    if not found:
        return ""
    most = max(found, key=lambda n: (n.found, n.share))
    figures = f"{most.share:.1%} ({most.measure}; 50% is ideal)"
    if not most.found:
        return f"Synthetic rows are no nearer to training rows than to the hold-out: {figures}."
    return f"Synthetic rows are nearer to training rows than to the hold-out: {figures}."


def _copies(copies: Copies) -> str:
    return (
        f"{copies.train:.1%} of synthetic rows repeat a training row to the cell, "
        f"{copies.holdout:.1%} a row of the hold-out."
    )


def _attributes(found: Sequence[Attribute]) -> str:
    if not found:
        return ""
    gave = [a for a in found if a.found]
    if not gave:
        best = max(found, key=lambda a: a.gain)
        return (
            "Synthetic rows help to guess no secret column of training rows more than of other "
            f"rows: at most {best.gain:+.1%} ({best.column})."
        )
    named = ", ".join(f"{a.column} ({a.gain:+.1%})" for a in gave)
    return (
        "Synthetic rows help to guess secret columns of training rows more than of other rows: "
        f"{named}."
    )


def _bound(bound: Bound, stated: tuple[float, float] | None) -> str:
    text = (
        f"Epsilon is at least {bound.epsilon:.3f} at delta {bound.delta:g} (confidence "
        f"{bound.confidence:.1%}; {bound.event})"
    )
    held = _held_to(bound, stated)
    if held is None:
        return f"{text}."
    if bound.refutes(held):
        return f"{text}: the stated epsilon {held:.4g} does not hold."
    return f"{text}, which agrees with the stated epsilon {held:.4g}."


def _held_to(bound: Bound, stated: tuple[float, float] | None) -> float | None:
    """Return the epsilon that a bound is held to: one of its own, or the report's."""
    if bound.stated is not None or stated is None:
        return bound.stated
    return stated[0]


def _refuted(bound: Bound, stated: tuple[float, float] | None) -> bool:
    held = _held_to(bound, stated)
    return held is not None and bound.refutes(held)


def _or_none(epsilon: float | None) -> str:
    return "" if epsilon is None else f"{epsilon:.3f}"


def _interval(interval: tuple[float, float], form: str) -> str:
    return f"{form.format(interval[0])} to {form.format(interval[1])}"


def _yes(found: bool) -> str:
    return "yes" if found else "no"
