"""What there is to tell a language model of a table: columns, rules, figures, in lines of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes
from synthtab.diagnostics import Source
from synthtab.generate.language.spelling import NULL, json_string, spell
from synthtab.ir import nodes
from synthtab.lang.comments import comments_of
from synthtab.lang.format import rule_body
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

_NAMED = 40
"""So many values of an enum are named."""
_SHARES = 12
"""So many values get a share, the most frequent ones."""
_QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Material:
    """All that could be told, each part a line for each thing, the most useful ones first.

    ``columns`` and ``about`` (comments of the rules file) are the schema. ``statistics`` are
    figures of ``number`` rows. ``passages`` come from documents, ``rows`` are rows as they are to
    be written.
    """

    table: str
    about: tuple[str, ...]
    columns: tuple[str, ...]
    rules: tuple[str, ...]
    number: int = 0
    statistics: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


def material(
    table: nodes.Table,
    columns: Sequence[Column],
    *,
    source: Source | None = None,
    batch: Batch | None = None,
    passages: Sequence[str] = (),
    rows: Sequence[str] = (),
) -> Material:
    """Gather what a prompt may hold.

    ``columns`` are those that are written, in their order; ``table`` has the rules, of which the
    hard ones about single rows are told, and ``source`` is the text that they were read from. The
    figures are those of ``batch``: whoever keeps a budget gives none but rows that were drawn under
    it.
    """
    return Material(
        table.name,
        () if source is None else tuple(comments_of(table, source)),
        tuple(_column_line(column) for column in columns),
        tuple(_rule_line(rule) for rule in table.row_rules),
        0 if batch is None else len(batch),
        tuple(_figures(c, batch) for c in columns) if batch is not None and len(batch) else (),
        tuple(" ".join(passage.split()) for passage in passages),
        tuple(rows),
    )


def _column_line(column: Column) -> str:
    """Return what a column may hold, by its declaration."""
    line = f"- {json_string(column.name)}: {_kind(column)}"
    if column.lo is not None and column.hi is not None:
        line += f", {spell(column, column.lo)} to {spell(column, column.hi)}"
    elif column.lo is not None:
        line += f", at least {spell(column, column.lo)}"
    elif column.hi is not None:
        line += f", at most {spell(column, column.hi)}"
    return line + (f", or {NULL}" if column.optional else "")


def _kind(column: Column) -> str:
    match column.type:
        case EnumType(values):
            named = ", ".join(json_string(v) for v in values[:_NAMED])
            return "one of " + named + (", ..." if len(values) > _NAMED else "")
        case IntegerType():
            return "whole number"
        case DecimalType(_, scale):
            return f"number with {scale} decimals"
        case DateType():
            return "date"
        case DatetimeType():
            return "date and time"
        case BooleanType():
            return "true or false"
        case TextType(longest, pattern):
            matching = "" if pattern is None else f" matching /{pattern}/"
            return f"text of up to {longest} characters{matching}"


def _rule_line(rule: nodes.Rule) -> str:
    """Return a rule in words where it has a description, and as it is written."""
    body = rule_body(rule)
    return f"- {rule.description}: {body}" if rule.description else f"- {body}"


def _figures(column: Column, batch: Batch) -> str:
    """Return the figures of a column: shares of values, or the range and the quartiles."""
    codes, nulls = batch.column(column.name)
    there = codes[~nulls]
    parts = []
    if len(there):
        match column.type:
            case EnumType() | BooleanType():
                parts.append(_shares(column, there, len(codes)))
            case TextType():
                parts.append(_lengths(batch.pool[there]))
            case _:
                parts.append(_quantiles(column, there))
    if column.optional:
        parts.append(f"{NULL} {nulls.mean():.1%}")
    return f"- {json_string(column.name)}: {'; '.join(parts)}"


def _shares(column: Column, codes: Codes, rows: int) -> str:
    values, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    named = [f"{spell(column, int(values[k]))} {counts[k] / rows:.1%}" for k in order[:_SHARES]]
    more = len(order) - _SHARES
    return ", ".join(named) + (f" and {more} rarer ones" if more > 0 else "")


def _quantiles(column: Column, codes: Codes) -> str:
    # Quantiles that are values of the data, which an average of two need not be.
    quarters = np.quantile(codes, _QUARTERS, method="lower").astype(np.int64)
    low, high = spell(column, int(codes.min())), spell(column, int(codes.max()))
    if low == high:
        return f"always {low}"
    return f"{low} to {high}, quartiles " + ", ".join(spell(column, int(q)) for q in quarters)


def _lengths(texts: NDArray[np.object_]) -> str:
    lengths = [len(str(text)) for text in texts]
    different = len(set(map(str, texts)))
    return f"{min(lengths)} to {max(lengths)} characters, {different:,} different texts"
