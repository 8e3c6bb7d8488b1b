"""CSV as text: Arrow tables written a block of rows at a time, and quotes that are left open."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

BLOCK_ROWS = 65_536
# A quote begins a field only where a field begins; within one, two stand for one.
_QUOTED = re.compile(rb'(?<![^,\r\n])"[^"]*(?:""[^"]*)*"(?=[^"])')
_OPENED = re.compile(rb'(?<![^,\r\n])"')


def write_csv(stream: IO[bytes], table: pa.Table) -> None:
    """Write a header and the rows, UTF-8, lines ended by a newline.

    Fields are quoted only where they must be, and where they are empty strings, which tells those
    from NULL.
    """
    header = _fields(pa.array(table.column_names, pa.large_string()))
    stream.write((",".join(header.to_pylist()) + "\n").encode())
    for block in table.to_batches(max_chunksize=BLOCK_ROWS):
        fields = [pc.fill_null(_fields(c), "") for c in block.columns]
        lines = pc.binary_join_element_wise(*fields, pa.scalar(",", pa.large_string()))
        stream.write("".join(f"{line}\n" for line in lines.to_pylist()).encode())


def _fields(array: pa.Array) -> pa.Array:
    """Return cells as CSV fields, in quotes where empty or where they hold a mark of the format."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    text = array.cast(pa.large_string())
    if pa.types.is_decimal(kind):
        return _plain(text)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return text
    needs = pc.match_substring_regex(text, '[",\r\n]|^$|^\\s|\\s$')
    quote, nothing = pa.scalar('"', pa.large_string()), pa.scalar("", pa.large_string())
    inner = pc.replace_substring(text, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise(quote, inner, quote, nothing), text)


def _plain(numerals: pa.Array) -> pa.Array:
    """Write out decimals that Arrow prints with an exponent (0E-7): not every reader knows it."""
    odd = pc.fill_null(pc.match_substring(numerals, "E"), False)
    if not pc.any(odd).as_py():
        return numerals
    plain = [f"{Decimal(text):f}" for text in numerals.filter(odd).to_pylist()]
    return pc.replace_with_mask(numerals, odd, pa.array(plain, pa.large_string()))


class QuotedStream:
    """A stream of CSV that knows whether a quote is open, which Arrow does not tell at the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = b"\n"
        self._started = False

    def read(self, size: int = -1) -> bytes:
        """Read some bytes and look at their quotes."""
        block = self._stream.read(size)
        if b'"' in block or len(self._left) > 1:
            text = block if self._started else block.removeprefix(b"\xef\xbb\xbf")
            self._left = _open_part(self._left + text)
        elif block:
            self._left = block[-1:]
        self._started = True
        return block

    @property
    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self._stream.closed

    def unclosed(self) -> str | None:
        """Return the beginning of a field whose quote is not closed so far; None where none is."""
        left = _open_part(self._left + b"\n")
        found = _OPENED.search(left)
        return None if found is None else left[found.start() :][:60].decode("utf-8", "replace")


def _open_part(text: bytes) -> bytes:
    """Return what has to be kept to know where fields begin: an open one, or the last byte."""
    rest = _QUOTED.sub(b"q", text)
    found = _OPENED.search(rest)
    return rest[-1:] if found is None else rest[max(0, found.start() - 1) :]
