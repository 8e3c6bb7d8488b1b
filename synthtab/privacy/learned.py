"""What learning under a privacy budget met and spent; all of it may be published."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from synthtab.errors import SavedModelError, UsageError
from synthtab.privacy.ledger import Ledger
from synthtab.privacy.settings import Privacy
from synthtab.privacy.statement import statement


@dataclass(frozen=True, kw_only=True)
class Learned(ABC):
    """What was asked for, what it cost, and how many seconds it took."""

    privacy: Privacy
    ledger: Ledger
    seconds: float

    @property
    def statement(self) -> str:
        """The guarantee in plain language."""
        return statement(self.ledger, self.privacy)

    @property
    @abstractmethod
    def met(self) -> tuple[str, ...]:
        """What was met in the data, a sentence each."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""

    def _shared(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds,
            "privacy": self.privacy.to_dict(),
            "ledger": self.ledger.to_dict(),
            "statement": self.statement,
        }

    @classmethod
    def _made(cls, facts: Mapping[str, Any], own: Callable[[], Mapping[str, Any]]) -> Self:
        """Return the report with what is shared of ``facts`` and its ``own`` fields.

        Raises SavedModelError where something is missing or garbled.
        """
        try:
            return cls(
                **own(),
                privacy=Privacy.from_dict(facts["privacy"]),
                ledger=Ledger.from_dict(facts["ledger"]),
                seconds=facts["seconds"],
            )
        except (KeyError, TypeError, AttributeError, UsageError) as error:
            raise SavedModelError(f"the saved privacy report is garbled: {error}") from error


@dataclass(frozen=True, kw_only=True)
class PrivateReport(Learned):
    """What learning one table under a budget met.

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
        own: dict[str, Any] = {name: getattr(self, name) for name in names}
        return {**own, "estimated": list(self.estimated), **self._shared()}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> PrivateReport:
        """Return the report that :meth:`to_dict` made ``facts`` of. Raises SavedModelError."""
        names = ("table", "rows", "moved", "left_out", "spread")
        return cls._made(
            facts,
            lambda: {**{n: facts[n] for n in names}, "estimated": tuple(facts["estimated"])},
        )


@dataclass(frozen=True)
class TableCounted:
    """Noisy counts of one of several tables.

    ``rows`` there are, give or take ``spread``. Of the units (rows of the root), ``moved`` had
    values moved into their ranges here, ``left_out`` rows that were not used since they keep no
    rules, or have no key of their own, and ``beyond`` more rows than are looked at; each give or
    take ``units_spread``. ``most`` rows of a unit are looked at, ``share`` of the budget went into
    this table's marginals.
    """

    rows: int
    spread: float
    moved: int
    left_out: int
    beyond: int
    units_spread: float
    most: int
    share: float

    @property
    def known(self) -> float:
        """How many rows there are, or as many as the noise would hide."""
        return max(self.rows, self.spread)


@dataclass(frozen=True, kw_only=True)
class PrivateWholeReport(Learned):
    """What learning several tables under a budget met.

    ``root`` is the table whose rows are protected, each with the rows of others that refer to it.
    """

    root: str
    tables: Mapping[str, TableCounted]

    @property
    def met(self) -> tuple[str, ...]:
        """What was met in the data, a sentence each."""
        lines = []
        for name, counted in self.tables.items():
            beyond = f", about {max(0, counted.beyond):,} had more than {counted.most} rows"
            lines.append(
                f"learned about {counted.rows:,} rows of {name} (give or take "
                f"{counted.spread:,.0f}) with {counted.share:.0%} of the budget for marginals; of "
                f"the rows of {self.root}, about {max(0, counted.moved):,} had numbers moved into "
                f"their ranges there, about {max(0, counted.left_out):,} had rows left out"
                f"{beyond if name != self.root else ''} (each give or take "
                f"{counted.units_spread:,.0f})"
            )
        return tuple(lines)

    @property
    def estimated(self) -> tuple[str, ...]:
        """What became known of undeclared domains: nothing, they are refused."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        tables = {name: asdict(counted) for name, counted in self.tables.items()}
        return {"root": self.root, "tables": tables, **self._shared()}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> PrivateWholeReport:
        """Return the report that :meth:`to_dict` made ``facts`` of. Raises SavedModelError."""
        return cls._made(
            facts,
            lambda: {
                "root": facts["root"],
                "tables": {n: TableCounted(**counted) for n, counted in facts["tables"].items()},
            },
        )
