"""Where sampled rows go: a file for one table, a directory or a database for several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from synthtab import files
from synthtab.atomic import atomic_directory, check_parent
from synthtab.databases.address import Address, is_url, parse_address
from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.loading import Loaded, check_target, load

Frames = Mapping[str, pd.DataFrame]


class Output(Protocol):
    """A place for rows; it has all of them afterwards, or is as it was."""

    def check(self) -> None:
        """Make sure, before any work, that rows can go there. Raises UsageError or DataError."""

    def write(self, frames: Frames) -> Loaded | None:
        """Write all tables; return what a database made of them."""


@dataclass(frozen=True)
class OneFile:
    """A CSV or Parquet file for the one table."""

    path: Path
    table: nodes.Table

    def check(self) -> None:
        """Raise UsageError for another suffix, or a place that cannot be written."""
        files.check_writable(self.path)

    def write(self, frames: Frames) -> Loaded | None:
        """Write the file whole."""
        files.write_frame(self.path, frames[self.table.name], self.table.columns)
        return None


@dataclass(frozen=True)
class Folder:
    """A directory with a file named after each table. Only files of that kind are replaced."""

    path: Path
    tables: tuple[nodes.Table, ...]
    suffix: str

    def check(self) -> None:
        """Raise UsageError where the directory cannot be made or holds something else."""
        target = check_parent(self.path)
        if any(target.name.lower().endswith(s) for s in files.SUFFIXES) or target.is_file():
            raise UsageError(
                f"{self.path}: the model has {len(self.tables)} tables, which go to a directory "
                "with a file for each, or to a database"
            )
        for table in self.tables:
            if "/" in table.name or "\\" in table.name or table.name.startswith("."):
                raise UsageError(
                    f"table `{table.name}` cannot name a file: load it into a database instead"
                )
        own = {t.name + s for t in self.tables for s in files.SUFFIXES}
        other = (
            sorted(p.name for p in target.iterdir() if p.name not in own) if target.exists() else []
        )
        if other:
            raise UsageError(
                f"{self.path} holds something else ({other[0]}): give a new name, or a directory "
                "of these tables' files, which are then replaced"
            )

    def write(self, frames: Frames) -> Loaded | None:
        """Write all files, then put the directory in place."""
        with atomic_directory(self.path) as folder:
            for table in self.tables:
                path = folder / f"{table.name}{self.suffix}"
                files.write_frame(path, frames[table.name], table.columns)
        return None


@dataclass(frozen=True)
class InDatabase:
    """The tables of a database, made anew with their constraints."""

    address: Address
    tables: tuple[nodes.Table, ...]
    replace: bool

    def check(self) -> None:
        """Raise where the database cannot be written, or has such tables and may not lose them."""
        check_target(self.tables, self.address, replace=self.replace)

    def write(self, frames: Frames) -> Loaded | None:
        """Load all tables, or none of them."""
        return load(self.tables, frames, self.address, replace=self.replace)


def output_of(target: str, model: Model, suffix: str | None, replace: bool) -> Output:
    """Return the place that an argument names. Raises UsageError where options do not go with it.

    ``suffix`` is that of a directory's files, ``.csv`` without it.
    """
    if is_url(target):
        if suffix is not None:
            raise UsageError(f"--format is for files, and {parse_address(target)} is a database")
        return InDatabase(parse_address(target), model.tables, replace)
    if replace:
        raise UsageError("--replace is for tables of a database; files are replaced anyway")
    if len(model.tables) > 1:
        return Folder(Path(target), model.tables, suffix or ".csv")
    if suffix is not None and not target.lower().endswith(suffix):
        raise UsageError(
            f"{target} does not end in {suffix}, as --format says; leave one of them out"
        )
    return OneFile(Path(target), model.tables[0])
