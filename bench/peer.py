"""The peer's tables: what it is told of a model, and what it makes of the same rows.

The peer is SDV's HMASynthesizer, in a Python of its own, as it may need other versions than we do:

    python -m bench peers --setup sdv_models
    python -m bench relational --peer-python peers/sdv_models/bin/python

It knows keys and references of one column to other tables. What it has no words for is left out:
references of several columns, of a table to itself, and those that close a circle of tables. It
takes five tables at most, none of which is both a parent and a child.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from synthtab.ir import nodes
from synthtab.ir.references import references
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    EnumType,
    TextType,
)

SCRIPT = Path(__file__).with_name("peer_hma.py")
LIMIT_S = 600


@dataclass(frozen=True)
class Peer:
    """What came of it: tables as text, or why there are none; seconds; what it was not told."""

    frames: Mapping[str, pd.DataFrame]
    failed: str
    fit: float
    sample: float
    version: str
    left_out: tuple[str, ...]


def run(
    python: Path,
    tables: Sequence[nodes.Table],
    frames: Mapping[str, pd.DataFrame],
    limit_s: float = LIMIT_S,
) -> Peer:
    """Let the peer fit the tables and sample as many rows, within ``limit_s`` seconds."""
    told, left_out = metadata(tables, frames)
    text = {t.name: [c.name for c in t.columns if isinstance(c.type, TextType)] for t in tables}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "real").mkdir()
        for name, frame in frames.items():
            frame.to_csv(folder / "real" / f"{name}.csv", index=False)
        content = json.dumps({"metadata": told, "text": text})
        (folder / "tables.json").write_text(content, encoding="utf-8")
        command = [str(python), str(SCRIPT), str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
        except subprocess.TimeoutExpired:
            return Peer({}, f"not done after {limit_s:.0f} s", 0.0, 0.0, "SDV", left_out)
        if done.returncode:
            return Peer({}, f"failed: {_reason(done.stderr)}", 0.0, 0.0, "SDV", left_out)
        facts = json.loads((folder / "times.json").read_text(encoding="utf-8"))
        made = {
            t.name: pd.read_csv(
                folder / "synthetic" / f"{t.name}.csv",
                dtype=str,
                keep_default_na=False,
                na_values=[""],
            )
            for t in tables
        }
    return Peer(made, "", facts["fit"], facts["sample"], facts["version"], left_out)


def _reason(stderr: str) -> str:
    """Return the line of a traceback that names the error, with its class: it is not ours."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    named = [line for line in lines if "Error: " in line]
    return (named or lines or ["no message"])[-1][:200]


def metadata(
    tables: Sequence[nodes.Table], frames: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the peer's metadata, and the references (table.rule) that it cannot be told of."""
    kept, left_out = _relationships(tables)
    foreign = {(name, rule.columns[0]) for name, rule in kept}
    described: dict[str, Any] = {}
    for table in tables:
        keys = [r.columns[0] for r in table.unique_rules if r.primary and len(r.columns) == 1]
        keys = [k for k in keys if (table.name, k) not in foreign]
        referred = {r.parent_columns[0] for _, r in kept if r.parent == table.name}
        columns = {
            c.name: {"sdtype": "id"}
            if c.name in keys or c.name in referred or (table.name, c.name) in foreign
            else _kind(c, frames[table.name])
            for c in table.columns
        }
        described[table.name] = {"columns": columns}
        if keys:
            described[table.name]["primary_key"] = keys[0]
    relationships = [
        {
            "parent_table_name": rule.parent,
            "parent_primary_key": rule.parent_columns[0],
            "child_table_name": name,
            "child_foreign_key": rule.columns[0],
        }
        for name, rule in kept
    ]
    told = {
        "tables": described,
        "relationships": relationships,
        "METADATA_SPEC_VERSION": "V1",
    }
    return told, left_out


def _relationships(
    tables: Sequence[nodes.Table],
) -> tuple[list[tuple[str, nodes.ReferenceRule]], tuple[str, ...]]:
    """Return the references the peer knows how to use, and the names of the others."""
    above: dict[str, set[str]] = {t.name: {t.name} for t in tables}
    primary = {t.name: [r.columns for r in t.unique_rules if r.primary] for t in tables}
    kept: list[tuple[str, nodes.ReferenceRule]] = []
    left_out = []
    taken: set[tuple[str, str]] = set()
    for table in tables:
        for rule in references(table):
            own = rule.columns[0]
            if (
                len(rule.columns) > 1
                or rule.parent_columns not in primary[rule.parent]
                or (table.name, own) in taken
                or table.name in above[rule.parent]
            ):
                left_out.append(f"{table.name}.{rule.name}")
                continue
            kept.append((table.name, rule))
            taken.add((table.name, own))
            for name, known in above.items():
                if table.name in known:
                    above[name] = known | above[rule.parent]
    return kept, tuple(left_out)


def _kind(column: Column, frame: pd.DataFrame) -> dict[str, str]:
    """Say what a column is: texts that mostly differ are made up, others drawn from those seen."""
    match column.type:
        case BooleanType():
            return {"sdtype": "boolean"}
        case EnumType():
            return {"sdtype": "categorical"}
        case DateType():
            return {"sdtype": "datetime", "datetime_format": "%Y-%m-%d"}
        case DatetimeType():
            return {"sdtype": "datetime", "datetime_format": "%Y-%m-%d %H:%M:%S"}
        case TextType():
            values = frame[column.name].dropna()
            often = values.nunique() <= len(values) / 2
            return {"sdtype": "categorical" if often else "unknown"}
    return {"sdtype": "numerical"}
