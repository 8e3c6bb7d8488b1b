"""A checked model of the data: its tables, and the text they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from synthtab.diagnostics import Diagnostic, Source, Span
from synthtab.errors import ModelError, UsageError
from synthtab.ir import nodes
from synthtab.ir.typing import check
from synthtab.lang.format import constants_of, format_tables
from synthtab.lang.measure import Scope, resolve_rule
from synthtab.lang.parse import parse

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Model:
    """Tables without errors. ``warnings`` are the findings that do not keep it from being used.

    Made by :meth:`load`, :meth:`parse`, :meth:`of` or :meth:`from_frame`, which raise ModelError
    with every error there is. Two models are equal when their tables are; what constants are called
    makes no difference.
    """

    tables: tuple[nodes.Table, ...]
    source: Source | None = field(default=None, compare=False)
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False)
    constants: tuple[nodes.Constant, ...] = field(default=(), compare=False)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Model:
        """Read a .rules file (UTF-8). Raises UsageError where it cannot be read."""
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"cannot read the rules file {Path(path)}: {reason}") from error
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            message = f"{Path(path)} is not UTF-8 text (byte {error.start}, line {line})"
            help_ = "save the file as UTF-8"
            raise ModelError([Diagnostic("E100", message, help=help_)]) from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str = "<text>") -> Model:
        """Make a model of a text in the rules language; ``name`` is shown in its findings."""
        parsed = parse(text, name)
        _refuse_errors(parsed.diagnostics)
        return cls(parsed.tables, parsed.source, parsed.diagnostics, parsed.constants)

    @classmethod
    def of(cls, tables: Sequence[nodes.Table], constants: Sequence[nodes.Constant] = ()) -> Model:
        """Make a model of tables built in Python, and the constants that their rules name."""
        found: list[Diagnostic] = []

        def report(code: str, message: str, span: Span | None, help_: str | None) -> None:
            found.append(Diagnostic(code, message, span, help_))

        named = dict.fromkeys((*constants, *constants_of(tables)))
        scope = {c.name: c for c in named}
        settled = []
        for table in tables:
            around = Scope(table, tuple(tables), scope)
            rules = tuple(resolve_rule(r, around, report) for r in table.rules)
            settled.append(replace(table, rules=rules))
        found += check(settled, None, tuple(named))
        if not tables:
            found.append(Diagnostic("E115", "the model has no tables", help="give it at least one"))
        _refuse_errors(found)
        return cls(tuple(settled), None, tuple(found), tuple(named))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, name: str = "data") -> Model:
        """Infer a model of one table from data: types, ranges, optional columns, a key.

        It is a draft for a person to review: print :meth:`to_text`. Raises DataError for a frame
        without columns or with two columns of one name.
        """
        from synthtab.lang.infer import infer_table  # pandas is slow to import

        return cls.of([infer_table(frame, name)])

    def to_text(self) -> str:
        """Return the model in the rules language; parsing it gives an equal model."""
        return format_tables(self.tables, self.constants)

    def table(self, name: str | None = None) -> nodes.Table:
        """Return the table of that name, or the only one. Raises UsageError naming the tables."""
        names = ", ".join(f"`{t.name}`" for t in self.tables)
        if name is None:
            if len(self.tables) == 1:
                return self.tables[0]
            raise UsageError(f"the model has {len(self.tables)} tables; name one of {names}")
        for table in self.tables:
            if table.name == name:
                return table
        raise UsageError(f"the model has no table `{name}`; it has {names}")


def _refuse_errors(found: Sequence[Diagnostic]) -> None:
    if any(d.severity == "error" for d in found):
        raise ModelError(found)
