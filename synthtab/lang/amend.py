"""A model with one rule more: as tables, and as text with everything else left as it was."""

from __future__ import annotations

from dataclasses import replace

from synthtab.ir import nodes
from synthtab.lang.comments import closing_lines, format_with_comments
from synthtab.lang.format import format_rule
from synthtab.lang.model import Model
from synthtab.lang.quoting import write_name

_INDENT = "  "


def with_rule(model: Model, table: str, rule: nodes.Rule) -> Model:
    """Return a model whose table has one rule more, at its end; ModelError if it does not fit."""
    tables = [replace(t, rules=(*t.rules, rule)) if t.name == table else t for t in model.tables]
    return replace(Model.of(tables, model.constants), source=model.source)


def text_with_rule(model: Model, table: str, rule: nodes.Rule) -> str:
    """Return the source of a model with a rule added before the end of its table.

    Where the table ends on a line with something else, the whole file is laid out anew, comments
    kept.
    """
    wanted = with_rule(model, table, rule)
    if model.source is None:
        return wanted.to_text()
    added = _inserted(model, model.source.text, table, _INDENT + format_rule(rule))
    if added is not None and Model.parse(added) == wanted:
        return added
    return format_with_comments(wanted.tables, wanted.constants, model.source)


def parse_rule(text: str, model: Model, table: str, name: str) -> nodes.Rule:
    """Return the rule of the body ``text`` (what stands after the colon) in a table of a model.

    Raises ModelError with what is wrong about it.
    """
    line = f"{_INDENT}rule {write_name(name)}: {text}"
    added = _inserted(model, model.to_text(), table, line)
    assert added is not None, "the formatter ends every table on a line of its own"
    return Model.parse(added, "<proposal>").table(table).rules[-1]


def _inserted(model: Model, text: str, table: str, lines: str) -> str | None:
    """Return a text with lines put before the end of a table; None where that shares its line."""
    at = [t.name for t in model.tables].index(table)
    closing = closing_lines(text)[at]
    before = text.split("\n")
    if before[closing - 1].strip() != "}":
        return None
    return "\n".join([*before[: closing - 1], lines, *before[closing - 1 :]])
