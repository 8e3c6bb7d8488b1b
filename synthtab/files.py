"""Tables in files: CSV (plain or gzip) and Parquet, read in bounded memory, written whole or not.

In a CSV an empty field is NULL; an empty field in quotes is the empty string where the column is
text or an enum that declares it, and NULL elsewhere. The encoding is UTF-8, with or without a
byte-order mark.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from synthtab.atomic import atomic
from synthtab.batch import Batch, concat
from synthtab.codec import Problem, encode_arrays, merge_problems, misfit
from synthtab.csvtext import write_csv
from synthtab.errors import DataError, UsageError
from synthtab.frames import check_names
from synthtab.schema import Column, DateType, TextType

SUFFIXES = (".csv", ".csv.gz", ".parquet")
BLOCK_BYTES = 8 << 20
RAGGED_SHOWN = 5
MAX_DIGITS = 18
Progress = Callable[[float], None]
"""Is told the share of the input read so far, between 0 and 1."""


def iter_batches(
    path: str | Path,
    columns: Sequence[Column],
    rows: int = 65_536,
    *,
    ignore_extra: bool = False,
    progress: Progress | None = None,
) -> Iterator[Batch]:
    """Read a file as batches of at most ``rows`` rows, in order, in memory bounded by one block.

    Each batch has its own pool of strings. Raises DataError at the first batch with a cell of a
    wrong type (naming all such cells of it), and when columns are missing, double or undeclared.
    """
    for batch, problems in _scan(Path(path), columns, rows, ignore_extra, progress):
        if problems:
            raise misfit(str(path), problems)
        yield batch


def read_batch(
    path: str | Path,
    columns: Sequence[Column],
    *,
    ignore_extra: bool = False,
    progress: Progress | None = None,
) -> Batch:
    """Read a whole file as one batch. Raises DataError naming every column with wrong cells."""
    batches: list[Batch] = []
    problems: list[Problem] = []
    for batch, found in _scan(Path(path), columns, 1 << 20, ignore_extra, progress):
        batches.append(batch)
        problems.extend(found)
    if problems:
        raise misfit(str(path), merge_problems(problems))
    if not batches:
        empty = [pa.array([], pa.large_string())] * len(columns)
        return encode_arrays(columns, empty)[0]
    return concat(batches, [c.name for c in columns if isinstance(c.type, TextType)])


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a file without knowing its columns, for a schema to be inferred.

    A CSV column is Int64 where every cell is a whole number written plainly (no leading zeros),
    an exact Arrow decimal where every cell is a number of at most 18 digits, float where every
    cell is a number of another kind, else str. Raises DataError.
    """
    path = Path(path)
    if _suffix(path) == ".parquet":
        with _reading(path), pq.ParquetFile(path) as file:
            _check_unique(path, file.schema_arrow.names)
            return file.read().to_pandas(types_mapper=_nullable)
    header, arrays = _read_strings(path)
    _check_unique(path, header)
    series = [guess_series(array) for array in arrays]
    return pd.DataFrame(dict(zip(header, series, strict=True)))


def guess_series(array: pa.ChunkedArray) -> pd.Series:
    """Return a column of strings as Int64, as an exact decimal, as floats, or as str.

    Which of them is said at :func:`read_frame`.
    """
    values = pc.drop_null(array.combine_chunks().unique())

    def all_match(pattern: str) -> bool:
        return len(values) > 0 and bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())

    if all_match(r"^-?(?:0|[1-9][0-9]{0,17})$"):
        return pd.Series(array.cast(pa.int64()), dtype="Int64")
    if all_match(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$"):
        fractions = pc.replace_substring_regex(values, r"^[^.]*\.?", "")
        scale = int(pc.max(pc.utf8_length(fractions)).as_py())
        whole = int(
            pc.max(pc.utf8_length(pc.replace_substring_regex(values, r"\..*$", ""))).as_py()
        )
        if whole + scale <= MAX_DIGITS:
            exact = array.combine_chunks().cast(pa.decimal128(MAX_DIGITS, scale))
            return pd.Series(pd.arrays.ArrowExtensionArray(exact))
    if all_match(r"^-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"):
        return pd.Series(array.combine_chunks().cast(pa.float64()))
    return pd.Series(array.combine_chunks().cast(pa.large_string()), dtype="str")


def write_frame(
    path: str | Path, frame: pd.DataFrame, columns: Sequence[Column] | None = None
) -> None:
    """Write a frame to a CSV or Parquet file, by the suffix; the file appears whole or not at all.

    Columns declared as dates (in ``columns``) are written without a time. Fields are quoted only
    where they must be; an empty string is quoted, which tells it from NULL.
    Raises UsageError for an unknown suffix or a place that cannot be written.
    """
    suffix = _suffix(Path(path))
    table = to_table(frame, columns)
    with atomic(path) as temporary:
        if suffix == ".parquet":
            pq.write_table(table, temporary)
        elif suffix == ".csv.gz":
            with gzip.GzipFile(temporary, "wb", 6, mtime=0) as stream:
                write_csv(cast(IO[bytes], stream), table)
        else:
            with temporary.open("wb") as stream:
                write_csv(stream, table)


def to_table(frame: pd.DataFrame, columns: Sequence[Column] | None = None) -> pa.Table:
    """Return a frame as an Arrow table; columns declared as dates hold dates without a time."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for column in columns or ():
        if isinstance(column.type, DateType) and column.name in table.column_names:
            at = table.column_names.index(column.name)
            table = table.set_column(at, column.name, table[column.name].cast(pa.date32()))
    return table


def check_writable(path: str | Path) -> None:
    """Make sure, before any work is done, that a file can be written at ``path``.

    Raises UsageError saying what is in the way.
    """
    _suffix(Path(path))
    with atomic(path, commit=False):
        pass


def _suffix(path: Path) -> str:
    name = path.name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise UsageError(f"{path}: the name must end in one of {', '.join(SUFFIXES)}")


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Turn what the libraries raise on a bad file into a DataError that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise DataError(_explain(path, str(error))) from error
    except (gzip.BadGzipFile, EOFError, csv.Error) as error:
        raise DataError(f"{path}: damaged file: {error}") from error
    except OSError as error:
        # Arrow reports damage to Parquet and gzip files this way as well.
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _explain(path: Path, message: str) -> str:
    if _suffix(path) == ".parquet":
        return f"{path}: not a readable Parquet file: {message}"
    offset = _first_bad_byte(path)
    if offset is not None:
        return (
            f"{path}: not UTF-8: the byte at offset {offset:,} begins no character; "
            "save the file as UTF-8"
        )
    if "straddling" in message:
        return (
            f"{path}: a row is longer than {BLOCK_BYTES >> 20} MiB; is a quote left open before it?"
        )
    return f"{path}: not a readable CSV file: {message}"


def _open(path: Path) -> IO[bytes]:
    if _suffix(path) == ".csv.gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _first_bad_byte(path: Path) -> int | None:
    """Return the offset of the first byte that breaks UTF-8 (in the unpacked text), if any."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    with _open(path) as stream:
        while True:
            block = stream.read(1 << 20)
            waiting = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return read - waiting + error.start
            if not block:
                return None
            read += len(block)


def _read_header(path: Path) -> tuple[list[str], bool]:
    """Return the names in a CSV's first record, and whether anything comes after it."""
    with _open(path) as stream:
        # newline='' leaves line ends inside quotes to the csv module, as it asks for.
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        for record in csv.reader(text):
            if record:
                rest = text.read(64)
                return record, bool(rest.strip("\r\n")) or (len(record) == 1 and bool(rest))
    raise DataError(f"{path}: the file is empty; a header line with the columns' names is needed")


def _check_unique(path: Path, names: Sequence[str]) -> None:
    repeated = sorted({n for n in names if list(names).count(n) > 1})
    if repeated:
        raise DataError(f"{path}: columns there more than once: {', '.join(map(repr, repeated))}")


def _scan(
    path: Path,
    columns: Sequence[Column],
    rows: int,
    ignore_extra: bool,
    progress: Progress | None,
) -> Iterator[tuple[Batch, tuple[Problem, ...]]]:
    """Yield batches with their problems; rows are numbered from 1 through the file."""
    first = 1
    names = [c.name for c in columns]
    parquet = _suffix(path) == ".parquet"
    with _reading(path):
        header, any_rows = _parquet_header(path) if parquet else _read_header(path)
    check_names(columns, header, name=str(path), ignore_extra=ignore_extra)
    if not any_rows:
        return
    source = _parquet_blocks if parquet else _csv_blocks
    for block in source(path, header, names, rows, progress):
        for start in range(0, block.num_rows, rows):
            piece = block.slice(start, rows)
            arrays = [piece.column(at) for at in range(len(names))]
            yield encode_arrays(columns, arrays, first)
            first += piece.num_rows


def _parquet_header(path: Path) -> tuple[list[str], bool]:
    with pq.ParquetFile(path) as file:
        return list(file.schema_arrow.names), file.metadata.num_rows > 0


def _parquet_blocks(
    path: Path, header: Sequence[str], names: Sequence[str], rows: int, progress: Progress | None
) -> Iterator[pa.RecordBatch]:
    with _reading(path), pq.ParquetFile(path) as file:
        done, total = 0, file.metadata.num_rows
        for block in file.iter_batches(batch_size=min(rows, 65_536), columns=list(names)):
            yield block.select(list(names))
            done += block.num_rows
            if progress is not None:
                progress(done / total)


def _csv_blocks(
    path: Path, header: Sequence[str], names: Sequence[str], rows: int, progress: Progress | None
) -> Iterator[pa.RecordBatch]:
    """Yield blocks of strings, the wanted columns in the wanted order."""
    wanted = [str(list(header).index(n)) for n in names]
    ragged: list[pacsv.InvalidRow] = []

    def keep(row: pacsv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    with _reading(path), path.open("rb") as raw:
        size = max(1, path.stat().st_size)
        stream = pa.PythonFile(raw, mode="r")
        if _suffix(path) == ".csv.gz":
            stream = pa.CompressedInputStream(stream, "gzip")
        reader = pacsv.open_csv(
            stream,
            read_options=pacsv.ReadOptions(
                # Positions for names: a header may hold anything, and is checked already.
                column_names=[str(at) for at in range(len(header))],
                skip_rows_after_names=1,
                block_size=BLOCK_BYTES,
                use_threads=False,
            ),
            parse_options=pacsv.ParseOptions(
                newlines_in_values=True,
                ignore_empty_lines=len(header) > 1,
                invalid_row_handler=keep,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.string() for name in wanted},
                include_columns=wanted,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for block in reader:
            if ragged:
                break
            yield block
            if progress is not None:
                progress(min(1.0, raw.tell() / size))
    if ragged:
        raise DataError(_ragged_message(path, ragged))


def _ragged_message(path: Path, ragged: Sequence[pacsv.InvalidRow]) -> str:
    lines = [
        f"row {row.number - 1:,} has {row.actual_columns} fields: {row.text[:60]!r}"
        for row in ragged[:RAGGED_SHOWN]
    ]
    if len(ragged) > RAGGED_SHOWN:
        lines.append(f"and {len(ragged) - RAGGED_SHOWN:,} rows more")
    return "\n".join(
        [
            f"{path}: rows with another number of fields than the header's "
            f"{ragged[0].expected_columns}:",
            *lines,
            "a comma inside a value needs quotes around the value",
        ]
    )


def _read_strings(path: Path) -> tuple[list[str], list[pa.ChunkedArray]]:
    with _reading(path):
        header, any_rows = _read_header(path)
    if not any_rows:
        return header, [pa.chunked_array([], pa.string()) for _ in header]
    positions = [str(at) for at in range(len(header))]
    blocks = list(_csv_blocks(path, positions, positions, 1 << 20, None))
    table = pa.Table.from_batches(blocks)
    return header, [table.column(at) for at in range(len(header))]


def _nullable(kind: pa.DataType) -> pd.api.extensions.ExtensionDtype | None:
    """Keep integers with NULLs and decimals exact: no floats, no objects."""
    if pa.types.is_signed_integer(kind):
        return pd.Int64Dtype()
    return pd.ArrowDtype(kind) if pa.types.is_decimal(kind) else None
