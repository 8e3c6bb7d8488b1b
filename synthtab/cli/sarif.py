"""Findings about data as SARIF 2.1.0, which editors and code hosts show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from synthtab.assess.compliance import Compliance, RuleCompliance
from synthtab.lang.model import Model
from synthtab.sources import Source

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(
    model: Model, rules_file: Path, sources: Mapping[str, Source], results: Mapping[str, Compliance]
) -> dict[str, object]:
    """Return one log: a result for each rule that is not kept, at its first row and its line."""
    rules: list[dict[str, object]] = []
    findings: list[dict[str, object]] = []
    for table, result in results.items():
        for rule in result.rules:
            if rule.kept and not rule.violated:
                continue
            name = f"{table}.{rule.name}"
            rules.append({"id": name, "shortDescription": {"text": rule.description or name}})
            findings.append(
                {
                    "ruleId": name,
                    "level": "note" if rule.kept else "error",
                    "message": {"text": _message(rule)},
                    "locations": _data_places(sources[table], rule),
                    "relatedLocations": _rule_place(model, rules_file, table, rule.name),
                }
            )
        for left in result.unchecked:
            message = {"text": f"rule {left.name} of table {table} was not checked: {left.reason}"}
            findings.append({"ruleId": f"{table}.{left.name}", "level": "note", "message": message})
            rules.append({"id": f"{table}.{left.name}"})
    driver = {"name": "rulecheck", "rules": rules}
    run = {"tool": {"driver": driver}, "results": findings}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _message(rule: RuleCompliance) -> str:
    first = ", ".join(map(str, rule.examples))
    return (
        f"{rule.violated:,} of {rule.rows:,} rows break {rule.name}"
        f"{f' ({rule.description})' if rule.description else ''}; the first are {first}"
    )


def _data_places(source: Source, rule: RuleCompliance) -> list[dict[str, object]]:
    """Return the first rows; those of text files with their lines."""
    places = []
    for row in rule.examples:
        place: dict[str, object] = {"artifactLocation": {"uri": source.uri}}
        line = source.line(row)
        if line is not None:
            place["region"] = {"startLine": line}
        places.append({"physicalLocation": place})
    return places  # type: ignore[return-value]


def _rule_place(model: Model, path: Path, table: str, name: str) -> list[dict[str, object]]:
    spans = [r.span for r in model.table(table).rules if r.name == name and r.span is not None]
    return [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": path.as_posix()},
                "region": {"startLine": span.line, "startColumn": span.column},
            }
        }
        for span in spans
    ]
