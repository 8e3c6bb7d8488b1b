"""A fitted database on disk: a generator's files and one JSON per table; the rules say the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from synthtab.errors import SavedModelError
from synthtab.generate.generator import RowGenerator
from synthtab.ir import nodes
from synthtab.keys import Draws
from synthtab.keys import Sequence as KeySequence
from synthtab.relational.amounts import Amounts
from synthtab.relational.children import Children
from synthtab.relational.database import Database
from synthtab.relational.features import Feature
from synthtab.relational.late import Late
from synthtab.relational.listing import Listing
from synthtab.relational.mapping import Dependency
from synthtab.relational.numbering import Made
from synthtab.relational.reading import Pick, Read, Relative, Steps
from synthtab.relational.structure import Deal, Structure, structure
from synthtab.relational.tablemodel import TableModel, compile_view
from synthtab.relational.view import View
from synthtab.relational.views import views

FILE = "table.json"


def write_files(database: Database, folder: Path) -> None:
    """Write a database into an existing directory: a directory for each table, by its number."""
    names = _references(database.whole)
    for number, (name, model) in enumerate(database.models.items()):
        place = folder / f"table{number}"
        place.mkdir()
        facts = _facts(model, names) | {
            "made": [asdict(s) for s in database.made[name].sequences],
            "drawn": [[d.rule, [c.name for c in d.columns]] for d in database.made[name].draws],
        }
        text = json.dumps({"table": name, **facts}, indent=1, ensure_ascii=False)
        (place / FILE).write_text(text + "\n", encoding="utf-8")
        if isinstance(model.generator, RowGenerator):
            model.generator.save(place)


def read_database(tables: Sequence[nodes.Table], folder: Path, budget_s: float) -> Database:
    """Read what :func:`write_files` wrote; SavedModelError where it does not fit the rules."""
    whole = structure(tables)
    read = {}
    for number, name in enumerate(whole.homes):
        file = folder / f"table{number}" / FILE
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SavedModelError(f"{file} cannot be read: {error}") from error
        if facts.get("table") != name:
            raise SavedModelError(f"{file} is about {facts.get('table')!r}, not table {name!r}")
        read[name] = facts, file.parent
    try:
        made = {
            name: Made(
                tuple(KeySequence(**s) for s in facts["made"]),
                tuple(
                    Draws(tuple(whole.homes[name].table.column(c) for c in columns), rule)
                    for rule, columns in facts["drawn"]
                ),
            )
            for name, (facts, _) in read.items()
        }
        seen = views(
            whole,
            {name: m.columns for name, m in made.items()},
            {
                name: Amounts(_pairs(facts["spans"]), _pairs(facts["grids"]))
                for name, (facts, _) in read.items()
            },
        )
        models = {
            name: _model(seen[name], whole, facts, place, budget_s)
            for name, (facts, place) in read.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SavedModelError(f"{folder}: the model lacks or garbles {error}") from error
    return Database(whole, models, made)


def _references(whole: Structure) -> dict[nodes.ReferenceRule, list[str]]:
    return {
        rule: [name, rule.name]
        for name, home in whole.homes.items()
        for rule in (*home.picked, *home.late)
    }


def _facts(model: TableModel, names: Mapping[nodes.ReferenceRule, list[str]]) -> dict[str, Any]:
    def steps(chain: Steps) -> list[list[str]]:
        return [names[rule] for rule in chain]

    def late(one: Late) -> dict[str, Any]:
        sides = [None if f is None else asdict(f) for f in (one.own, one.other)]
        return {"rule": names[one.rule], "sides": sides, "joint": one.joint.tolist()}

    ranges = {c: list(model.plan.domains[c]) for c in model.written}
    return {
        "rows": model.rows,
        "written": list(model.written),
        "spans": {c: list(span) for c, span in model.view.amounts.ranges.items()},
        "grids": {c: list(grid) for c, grid in model.view.amounts.grids.items()},
        "ranges": ranges,
        "generator": model.generator is not None,
        "reads": [
            {"kind": r.kind, "feature": asdict(r.feature), "steps": steps(r.steps)}
            for r in model.reads
        ],
        "picks": [
            {
                "reference": names[p.reference],
                "flag": p.flag,
                "features": [asdict(f) for f in p.features],
            }
            for p in model.picks
        ],
        "relatives": [{**_plain(r), "steps": steps(r.steps)} for r in model.relatives],
        "exempt": dict(model.exempt),
        "listings": [asdict(one) for one in model.listings],
        "dependencies": [
            {
                "determinants": d.determinants,
                "dependents": d.dependents,
                "texts": sorted(d.texts),
                "seen": [[key, value] for key, value in d.seen.items()],
            }
            for d in model.dependencies
        ],
        "late": [late(one) for one in model.late.values()],
        "children": {
            column: {
                "feature": None if one.feature is None else asdict(one.feature),
                "numbers": list(one.numbers),
                "joint": one.joint.tolist(),
            }
            for column, one in model.children.items()
        },
        "deals": [asdict(one) for one in model.deals],
    }


def _plain(relative: Relative) -> dict[str, Any]:
    return {
        "column": relative.column,
        "before": relative.before,
        "parent": relative.parent,
        "fallback": relative.fallback,
        "own": relative.own,
    }


def _model(
    view: View, whole: Structure, facts: Mapping[str, Any], place: Path, budget_s: float
) -> TableModel:
    rules = {tuple(names): rule for rule, names in _references(whole).items()}

    def steps(chain: Sequence[Sequence[str]]) -> Steps:
        return tuple(rules[tuple(names)] for names in chain)

    def late(one: Mapping[str, Any]) -> Late:
        own, other = (None if f is None else _feature(f) for f in one["sides"])
        joint = np.array(one["joint"], dtype=np.int64)
        return Late(rules[tuple(one["rule"])], own, other, joint)

    written = tuple(facts["written"])
    ranges = {c: (int(lo), int(hi)) for c, (lo, hi) in facts["ranges"].items()}
    return TableModel(
        view=view,
        written=written,
        reads=tuple(
            Read(r["kind"], _feature(r["feature"]), steps(r["steps"])) for r in facts["reads"]
        ),
        picks=tuple(
            Pick(
                rules[tuple(p["reference"])],
                p["flag"],
                tuple(_feature(f) for f in p["features"]),
            )
            for p in facts["picks"]
        ),
        relatives=tuple(Relative(**{**r, "steps": steps(r["steps"])}) for r in facts["relatives"]),
        plan=compile_view(view, ranges, set(written), budget_s, order=written),
        generator=RowGenerator.load(place) if facts["generator"] else None,
        rows=facts["rows"],
        exempt=facts["exempt"],
        listings=tuple(
            Listing(one["column"], tuple(one["codes"]), tuple(one["words"]))
            for one in facts["listings"]
        ),
        dependencies=tuple(
            Dependency(
                tuple(d["determinants"]),
                tuple(d["dependents"]),
                frozenset(d["texts"]),
                {tuple(key): tuple(value) for key, value in d["seen"]},
            )
            for d in facts["dependencies"]
        ),
        late={made.rule: made for made in map(late, facts["late"])},
        children={
            column: Children(
                None if one["feature"] is None else _feature(one["feature"]),
                tuple(one["numbers"]),
                np.array(one["joint"], dtype=np.int64),
            )
            for column, one in facts["children"].items()
        },
        deals=tuple(Deal(d["column"], d["rule"], tuple(d["words"])) for d in facts["deals"]),
    )


def _pairs(facts: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, int]]:
    return {column: (int(first), int(second)) for column, (first, second) in facts.items()}


def _feature(facts: Mapping[str, Any]) -> Feature:
    return Feature(facts["name"], tuple(facts["edges"]), tuple(facts["words"]))
