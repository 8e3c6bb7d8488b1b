"""A small interpreter of TextMate grammars: enough of one for ours, with Python's ``re``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def scopes(grammar: dict[str, Any], text: str) -> list[str]:
    """Return the innermost scope of each character of a text, empty where it has none.

    As editors do: line by line, the earliest match wins, of several at one place the first listed;
    the end of an open region comes before the patterns within it.
    """
    found: list[str] = []
    regions: list[dict[str, Any]] = []
    for line in text.splitlines(keepends=True):
        found += _line(grammar, regions, line)
    return found


def _line(grammar: dict[str, Any], regions: list[dict[str, Any]], line: str) -> list[str]:
    marks = [""] * len(line)
    at = 0
    while at < len(line):
        region = regions[-1] if regions else None
        best: tuple[int, int, re.Match[str], dict[str, Any]] | None = None
        candidates = _candidates(grammar, region)
        for rank, (pattern, rule) in enumerate(candidates):
            match = re.compile(pattern).search(line, at)
            if (
                match
                and match.end() > match.start()
                and (best is None or (match.start(), rank) < best[:2])
            ):
                best = (match.start(), rank, match, rule)
        if best is None:
            break
        _, rank, match, rule = best
        if region is not None and rank == 0:
            regions.pop()
            _mark(marks, match, rule.get("endCaptures", {}), None)
        elif "begin" in rule:
            regions.append(rule)
            _mark(marks, match, rule.get("beginCaptures", {}), None)
        else:
            _mark(marks, match, rule.get("captures", {}), rule.get("name"))
        at = match.end()
    return marks


def _candidates(
    grammar: dict[str, Any], region: dict[str, Any] | None
) -> Sequence[tuple[str, dict[str, Any]]]:
    listed = [(r.get("match") or r["begin"], r) for r in grammar["patterns"]]
    if region is None:
        return listed
    assert region["patterns"] == [{"include": "$self"}]
    return [(region["end"], region), *listed]


def _mark(
    marks: list[str], match: re.Match[str], captures: dict[str, Any], name: str | None
) -> None:
    if name is not None:
        marks[match.start() : match.end()] = [name] * (match.end() - match.start())
    for group, scope in captures.items():
        start, end = match.span(int(group))
        marks[max(start, 0) : max(end, 0)] = [scope["name"]] * (end - start)
