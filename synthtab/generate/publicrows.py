"""Rows of a table that anybody may see, read from a folder, to serve as examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthtab.batch import Batch, concat
from synthtab.errors import DataError, UsageError
from synthtab.files import SUFFIXES, read_batch
from synthtab.schema import Column, TextType


def public_rows(folder: str | Path, columns: Sequence[Column]) -> Batch:
    """Read the rows of all CSV and Parquet files in a folder; columns beyond those are passed over.

    Raises UsageError where there is no such folder or no such file in it, DataError where a file
    does not have the columns, a cell is no value of its column, or there are no rows.
    """
    place = Path(folder)
    if not place.is_dir():
        raise UsageError(f"the corpus {place} is no folder; public rows are files in one")
    paths = sorted(p for p in place.iterdir() if p.name.endswith(SUFFIXES) and p.is_file())
    if not paths:
        raise UsageError(
            f"the corpus {place} has no rows to serve as examples: they are read from files that "
            f"end in {', '.join(SUFFIXES)}"
        )
    batches = [read_batch(path, columns, ignore_extra=True) for path in paths]
    rows = concat(batches, [c.name for c in columns if isinstance(c.type, TextType)])
    if not len(rows):
        raise DataError(f"the files of the corpus {place} have no rows")
    return rows
