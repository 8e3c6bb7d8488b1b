"""Printing a draft: the rules file of what was learned, each rule with what speaks for it."""

from __future__ import annotations

from synthtab.ir import nodes
from synthtab.lang.format import WIDTH, chunks
from synthtab.learn.evidence import Found
from synthtab.learn.learn import Draft

_INDENT = "  "


def to_text(draft: Draft) -> str:
    """Return the text of a rules file in the usual layout, every rule marked as inferred."""
    lines: list[str] = []
    for table in draft.model.tables:
        made = list(chunks([table], ()))
        columns = made[1 : 1 + len(table.columns)]
        below = made[1 + len(columns) : -1]
        on_columns = table.rules[: len(table.rules) - len(below)]
        lines += ["", made[0].text] if lines else [made[0].text]
        for column, chunk in zip(table.columns, columns, strict=True):
            notes = [
                _note(draft, table, r)
                for r in on_columns
                if isinstance(r, nodes.UniqueRule | nodes.ReferenceRule)
                and r.columns == (column.name,)
            ]
            told = "; ".join(dict.fromkeys(n for n in notes if n))
            note = f"# inferred: {told}"
            if not told:
                lines.append(chunk.text)
            elif "\n" in chunk.text or len(f"{chunk.text}  {note}") > WIDTH:
                lines += [f"{_INDENT}{note}", chunk.text]
            else:
                lines.append(f"{chunk.text}  {note}")
        for rule, chunk in zip(table.rules[len(on_columns) :], below, strict=True):
            note = _note(draft, table, rule)
            lines += ["", *([f"{_INDENT}# inferred: {note}"] if note else []), chunk.text]
        lines.append(made[-1].text)
    return "\n".join(lines) + "\n"


def _note(draft: Draft, table: nodes.Table, rule: nodes.Rule) -> str:
    found = draft.found.get((table.name, rule.name))
    return "" if found is None else f"support {found.support:,}, {_sure(found)}"


def _sure(found: Found) -> str:
    if not found.broken:
        return "confidence 100%"
    return f"confidence {min(100 * found.confidence, 99.999):.3f}%"
