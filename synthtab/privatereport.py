"""What learning one table under a privacy budget met; all of it may be published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthtab.errors import SavedModelError, UsageError
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.settings import Privacy
from synthtab.privacy.statement import statement


@dataclass(frozen=True)
class PrivateReport:
    """What learning under a budget met; all of it may be published.

    ``rows``, ``moved`` and ``left_out`` are noisy counts: of all rows that were used, of those with
    a number moved into its range, and of those that do not keep the rules; ``spread`` is their
    standard deviation. ``estimated`` says, a line each, what became known of domains that the rules
    do not declare.
    """

    table: str
    rows: int
    moved: int
    left_out: int
    spread: float
    estimated: tuple[str, ...]
    privacy: Privacy
    ledger: Ledger
    seconds: float

    @property
    def statement(self) -> str:
        """The guarantee in plain language."""
        return statement(self.ledger, self.privacy)

    @property
    def met(self) -> tuple[str, ...]:
        """What was met in the data, a sentence each."""
        return (
            f"learned about {self.rows:,} rows of {self.table}; about {max(0, self.moved):,} of "
            f"them with numbers moved into their ranges, about {max(0, self.left_out):,} more left "
            f"out (each give or take {self.spread:,.0f})",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        names = ("table", "rows", "moved", "left_out", "spread")
        plain: dict[str, Any] = {name: getattr(self, name) for name in names}
        plain["estimated"] = list(self.estimated)
        return {
            **plain,
            "seconds": self.seconds,
            "privacy": self.privacy.to_dict(),
            "ledger": self.ledger.to_dict(),
            "statement": self.statement,
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> PrivateReport:
        """Return the report that :meth:`to_dict` made ``facts`` of. Raises SavedModelError."""
        made = ("privacy", "ledger", "statement", "estimated")
        rest = {k: v for k, v in facts.items() if k not in made}
        try:
            return cls(
                **rest,
                estimated=tuple(facts["estimated"]),
                privacy=Privacy.from_dict(facts["privacy"]),
                ledger=Ledger.from_dict(facts["ledger"]),
            )
        except (KeyError, TypeError, UsageError) as error:
            raise SavedModelError(f"the saved privacy report is garbled: {error}") from error
