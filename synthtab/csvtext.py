"""Arrow tables as CSV text, a block of rows at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

BLOCK_ROWS = 65_536


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
