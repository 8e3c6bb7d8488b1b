"""Reading and writing tables: what files may look like, and what a bad one is answered."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthtab import files
from synthtab.atomic import atomic
from synthtab.csvtext import QuotedStream
from synthtab.errors import DataError, UsageError
from synthtab.files import check_writable, iter_batches, read_batch, read_frame, write_frame
from synthtab.frames import decode_frame
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

NUMBER, NAME = Column("n", IntegerType(), True), Column("t", TextType(20), True)


def put(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_quotes_newlines_bom_crlf_and_blank_lines(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        b'\xef\xbb\xbf"t","n"\r\n"a ""b"", c",1\r\n\r\n"line 1\nline 2",\r\n,"3"\r\n"",""\r\n',
    )
    frame = decode_frame([NUMBER, NAME], read_batch(path, [NUMBER, NAME]))
    assert frame["t"].fillna("NULL").tolist() == ['a "b", c', "line 1\nline 2", "NULL", ""]
    assert frame["n"].fillna(-1).tolist() == [1, -1, 3, -1]


def test_column_names_of_any_kind_and_any_order(tmp_path: Path) -> None:
    names = ["select", "with space", 'say "hi"', "größe ✓", "a,b", "line\nbreak", "`tick`", "1"]
    columns = [Column(n, IntegerType()) for n in names]
    frame = pd.DataFrame({n: [at, at + 1] for at, n in enumerate(names)})
    for name in ("x.csv", "x.csv.gz", "x.parquet"):
        write_frame(tmp_path / name, frame[names[::-1]])
        batch = read_batch(tmp_path / name, columns)
        assert batch.columns == tuple(names)
        assert batch.codes.tolist() == frame.to_numpy().tolist()
        assert read_frame(tmp_path / name).columns.tolist() == names[::-1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["data.csv", "empty", "header"]),
        ("\n\n", ["empty"]),
        ("n\n1\n", ["'t' is missing", "declared: n, t"]),
        ("n,t,u\n1,a,b\n", ["'u' is not declared"]),
        ("n,t,n\n1,a,2\n", ["'n' is there 2 times"]),
        ("n;t\n1;a\n", ["'n' is missing", "commas"]),
        ("n,t\n1,a\n1,b,c\n2\n", ["row 2 has 3 fields", "row 3 has 1 fields", "header's 2"]),
        ("n,t\nx,a\n1,b\ny,c\n", ["'x' in row 1", "'y' in row 3", "whole numbers"]),
        (b"n,t\n1,caf\xe9\n", ["not UTF-8", "offset 9"]),
        ("n,t\n1,é\n".encode("utf-16"), ["not UTF-8", "offset 0"]),
    ],
)
def test_a_bad_csv_is_named_and_explained(
    tmp_path: Path, content: str | bytes, words: list[str]
) -> None:
    path = put(tmp_path, content)
    for read in (read_batch, lambda p, c: list(iter_batches(p, c))):
        with pytest.raises(DataError) as caught:
            read(path, [NUMBER, NAME])
        for word in [str(path), *words]:
            assert word in str(caught.value)


def test_header_only_has_no_rows(tmp_path: Path) -> None:
    for content in ("n,t", "n,t\n", "n,t\r\n\n"):
        batch = read_batch(put(tmp_path, content), [NUMBER, NAME])
        assert len(batch) == 0
        assert batch.columns == ("n", "t")
        assert read_frame(tmp_path / "data.csv").shape == (0, 2)


def test_a_single_column_keeps_its_empty_lines_as_nulls(tmp_path: Path) -> None:
    batch = read_batch(put(tmp_path, "n\n1\n\n3\n"), [NUMBER])
    assert batch.nulls[:, 0].tolist() == [False, True, False]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_batch(tmp_path / "none.csv", [NUMBER])
    with pytest.raises(UsageError, match=r"\.csv, \.csv\.gz, \.parquet"):
        read_batch(put(tmp_path, "n\n1\n", "data.xlsx"), [NUMBER])
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        read_batch(tmp_path / "folder.csv", [NUMBER])
    whole = gzip.compress(("n\n" + "1\n2\n3\n" * 20_000).encode())
    for content in (b"n\n1\n", whole[: len(whole) // 2]):
        with pytest.raises(DataError, match=r"data\.csv\.gz"):
            read_batch(put(tmp_path, content, "data.csv.gz"), [NUMBER])
    for content in (b"", b"PAR1 no parquet at all"):
        with pytest.raises(DataError, match=r"data\.parquet"):
            read_batch(put(tmp_path, content, "data.parquet"), [NUMBER])


def test_wrong_cells_are_counted_over_all_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 4096)
    rows = ["x" if at % 1000 == 999 else str(at) for at in range(5000)]
    path = put(tmp_path, "n\n" + "\n".join(rows) + "\n")
    with pytest.raises(
        DataError, match="'x' in row 1,000, 'x' in row 2,000, 'x' in row 3,000 and 2"
    ):
        read_batch(path, [NUMBER])
    ragged = put(tmp_path, "n,t\n" + "1,a\n" * 3000 + "1\n" + "1,a\n" * 3000)
    with pytest.raises(DataError, match="row 3,001 has 1 fields"):
        list(iter_batches(ragged, [NUMBER, NAME]))


def test_a_file_streams_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 1 << 16)
    rows = 200_000
    text = "".join(f"{at},name {at % 50}\n" for at in range(rows))
    path = put(tmp_path, "n,t\n" + text)
    shares: list[float] = []
    total = at = 0
    arrow_before = pa.total_allocated_bytes()
    tracemalloc.start()
    for batch in iter_batches(path, [NUMBER, NAME], rows=10_000, progress=shares.append):
        assert len(batch) <= 10_000
        assert batch.codes[0, 0] == at
        at += len(batch)
        total += int(batch.codes[:, 0].sum())
        assert pa.total_allocated_bytes() - arrow_before < 4 << 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == rows * (rows - 1) // 2
    assert peak < 8 << 20
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_parquet_types_are_taken_as_they_are(tmp_path: Path) -> None:
    table = pa.table(
        {
            "m": pa.array([Decimal("1.10"), None], pa.decimal128(12, 4)),
            "d": pa.array([1, None], pa.date32()),
            "s": pa.array([10**9, None], pa.timestamp("ns")),
            "f": pa.array([True, None]),
            "e": pa.array(["b", None]).dictionary_encode(),
            "i": pa.array([2**62 + 1, None]),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    columns = [
        Column("m", DecimalType(10, 2), True),
        Column("d", DateType(), True),
        Column("s", DatetimeType(), True),
        Column("f", BooleanType(), True),
        Column("e", EnumType(("a", "b")), True),
        Column("i", IntegerType(), True),
    ]
    batch = read_batch(tmp_path / "x.parquet", columns)
    assert batch.codes[0].tolist() == [110, 1, 1, 1, 1, 2**62 + 1]
    assert batch.nulls[1].all()
    assert read_frame(tmp_path / "x.parquet")["i"][0] == 2**62 + 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.tuples(st.none() | st.integers(-99, 99), st.none() | st.text()), min_size=1),
    st.sampled_from(["x.csv", "x.csv.gz", "x.parquet"]),
)
def test_what_is_written_is_read_back(
    tmp_path: Path, rows: list[tuple[int | None, str | None]], name: str
) -> None:
    frame = pd.DataFrame(
        {"n": pd.array([n for n, _ in rows], "Int64"), "t": pd.array([t for _, t in rows], "str")}
    )
    write_frame(tmp_path / name, frame)
    shown = decode_frame([NUMBER, NAME], read_batch(tmp_path / name, [NUMBER, NAME]))
    assert [None if pd.isna(v) else v for v in shown["t"]] == [t for _, t in rows]
    assert [None if pd.isna(v) else v for v in shown["n"]] == [n for n, _ in rows]


def test_dates_are_written_without_a_time_and_decimals_with_their_scale(tmp_path: Path) -> None:
    columns = [
        Column("d", DateType()),
        Column("m", DecimalType(6, 2)),
        Column("s", DatetimeType()),
        Column("f", BooleanType(), True),
    ]
    source = put(
        tmp_path, "d,m,s,f\n2020-02-29,88,2020-01-01T00:00,yes\n1999-12-31,0.5,2020-01-01,\n"
    )
    frame = decode_frame(columns, read_batch(source, columns))
    write_frame(tmp_path / "out.csv", frame, columns)
    assert (tmp_path / "out.csv").read_text() == (
        "d,m,s,f\n2020-02-29,88.00,2020-01-01 00:00:00,true\n1999-12-31,0.50,2020-01-01 00:00:00,\n"
    )


def test_small_decimals_are_written_without_an_exponent(tmp_path: Path) -> None:
    columns = [Column("x", DecimalType(12, 9), True)]
    source = put(tmp_path, "x\n0\n1e-9\n\n-2.5\n")
    write_frame(tmp_path / "out.csv", decode_frame(columns, read_batch(source, columns)), columns)
    assert (tmp_path / "out.csv").read_text() == "x\n0.000000000\n0.000000001\n\n-2.500000000\n"


def test_inference_keeps_leading_zeros_and_exact_decimals(tmp_path: Path) -> None:
    frame = read_frame(
        put(tmp_path, "zip,price,count,when\n01234,0.10,7,2020-01-01\n99999,88,,x\n")
    )
    assert [str(t) for t in frame.dtypes] == ["str", "decimal128(18, 2)[pyarrow]", "Int64", "str"]
    assert frame["price"].tolist() == [Decimal("0.10"), Decimal("88.00")]
    frame = read_frame(put(tmp_path, "long,tiny,code\n0.22077922100000005,1e-7,007\n1.5,2,12\n"))
    assert [str(t) for t in frame.dtypes] == ["decimal128(18, 17)[pyarrow]", "float64", "str"]
    frame = read_frame(put(tmp_path, "long\n0.1234567890123456789\n12\n"))
    assert str(frame.dtypes["long"]) == "float64"
    with pytest.raises(DataError, match="more than once: 'a'"):
        read_frame(put(tmp_path, "a,a\n1,2\n"))


def test_nothing_is_left_of_a_write_that_fails(tmp_path: Path) -> None:
    target = put(tmp_path, "before", "out.csv")

    def interrupted() -> None:
        with atomic(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]
    with atomic(target) as temporary:
        temporary.write_text("after")
    assert target.read_text() == "after"
    assert target.stat().st_mode & 0o400


def test_places_that_cannot_be_written_are_refused_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.csv")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "folder.csv").mkdir()
    put(tmp_path, "a file", "file")
    for path, words in [
        (tmp_path / "folder.csv", "is a directory"),
        (tmp_path / "none" / "x.csv", "there is no directory"),
        (tmp_path / "file" / "x.csv", "there is no directory"),
        (tmp_path / "x.txt", "must end in one of"),
    ]:
        with pytest.raises(UsageError, match=words):
            check_writable(path)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,"x',
        'a,b\n1,"x\n',
        'a,b\n1,"x\n2,y\n',
        'a,b\n1,"x""',
        'a,b\n1,"x""\n',
        'a,b\n1,5" pipe\n2,"x\n',
        'a,b\n1,"x"\n2,"',
        '\ufeffa,b\n1,"',
        'a,b\n1,"' + "x" * 70_000,
    ],
)
def test_a_quote_that_is_never_closed(tmp_path: Path, text: str, suffix: str) -> None:
    path = tmp_path / f"open{suffix}"
    opened = gzip.open if suffix.endswith("gz") else open
    with opened(path, "wb") as stream:
        stream.write(text.encode())
    columns = [Column("a", IntegerType(), True), Column("b", TextType(100_000), True)]
    with pytest.raises(DataError, match="a quote is opened and never closed: '\"") as raised:
        list(iter_batches(path, columns))
    assert str(path) in str(raised.value)
    with pytest.raises(DataError, match="never closed"):
        read_frame(path)


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,"x"',
        'a,b\n1,"x"\r\n',
        'a,b\n1,""',
        'a,b\n1,"x""y"\n',
        'a,b\n1,"""x"""',
        'a,b\n1,5" pipe\n',
        'a,b\n1,"two\nlines, ""quoted"""\n',
        '\ufeff"a",b\n1,x\n',
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
def test_quotes_that_are_closed_wherever_a_read_ends(text: str, size: int) -> None:
    stream = QuotedStream(io.BytesIO(text.encode()))
    while stream.read(size):
        pass
    assert stream.unclosed() is None
    opened = QuotedStream(io.BytesIO((text.rstrip("\r\n") + '\n3,"z""\n').encode()))
    while opened.read(size):
        pass
    assert opened.unclosed() == '"z""\n\n'
