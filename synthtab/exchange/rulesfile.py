"""What was imported as the text of a rules file, with a comment for everything that got lost."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.errors import SynthTabError
from synthtab.exchange.imported import Imported, Note
from synthtab.lang.format import chunks
from synthtab.lang.model import Model

_INDENT = "  "


def rules_text(imported: Imported, origin: str) -> str:
    """Return the text of a rules file; ``origin`` says in its first line where it comes from.

    A note on a column stands above it, the others at the top. Raises ModelError where the tables
    are no model.
    """
    model = Model.of(imported.tables)
    places = {f"{t.name}.{c.name}" for t in model.tables for c in t.columns}
    above = [n for n in imported.notes if n.where not in places]
    lines = [f"# Imported from {_one_line(origin)}. Review it before it is used."]
    lines += [f"# Not imported: {note_text(n)}" for n in above]
    for table in model.tables:
        for at, chunk in enumerate(chunks([table], ())):
            if chunk.gap:
                lines.append("")
            if 1 <= at <= len(table.columns):
                lines += _comments(imported.notes, f"{table.name}.{table.columns[at - 1].name}")
            lines.append(chunk.text)
    text = "\n".join(lines) + "\n"
    if Model.parse(text) != model:
        raise SynthTabError("the rules file does not say what was imported: this is a defect")
    return text


def note_text(note: Note) -> str:
    """Return a note on one line."""
    return _one_line(f"{note.where}: {note.what}: {note.reason}")


def _comments(notes: Sequence[Note], place: str) -> list[str]:
    found = [n for n in notes if n.where == place]
    return [f"{_INDENT}# Not imported: {_one_line(f'{n.what}: {n.reason}')}" for n in found]


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
