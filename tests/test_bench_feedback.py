"""The measurement of correction by talk, on a small table and with writers of both kinds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_llama import save_tiny_llama

from bench import feedback
from bench.adviser import Adviser
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import TrainConfig


def test_ways_are_measured_side_by_side(tmp_path: Path) -> None:
    least = GeneratorConfig(train=TrainConfig(symbols_seen=8_000))
    base = save_tiny_llama(tmp_path / "tiny", positions=8_192)
    section = feedback.run(["engel"], 4, 1, base, 0, least)
    assert section.data is not None
    (part,) = section.data["parts"]
    ways = part["ways"]
    assert list(ways) == [*feedback.MODES, "feedback, adviser", "feedback, tiny"]
    assert ways["solver"]["valid"] == ways["feedback, adviser"]["valid"] == 1
    assert section.command == (
        "python -m bench feedback --only engel --rows 4 --rounds 1 --base DIR"
    )
    assert len(section.grids[0].rows) == len(ways)


@pytest.mark.parametrize(
    ("advice", "made"),
    [
        ("Change a from 1 to 2.", '{"a": 2, "b c": "x", "d": null}'),
        (
            "Change a from 1 to 12_000.50, 3 or 4, for instance 3.",
            '{"a": 3, "b c": "x", "d": null}',
        ),
        ("Change a from 1 to 12_000.50.", '{"a": 12000.50, "b c": "x", "d": null}'),
        ("Change `b c` from 'x' to 'it''s'.", '{"a": 1, "b c": "it\'s", "d": null}'),
        ("Change `b c` from 'x' to NULL.", '{"a": 1, "b c": null, "d": null}'),
        (
            "Change a from 1 to 5 and d from NULL to 2024-01-31.\nOr instead change a from 1 to 9.",
            '{"a": 5, "b c": "x", "d": "2024-01-31"}',
        ),
        ("Change x in row 2 of other from 1 to 2.", '{"a": 1, "b c": "x", "d": null}'),
    ],
)
def test_the_adviser_does_what_it_is_told(advice: str, made: str) -> None:
    row = '{"a": 1, "b c": "x", "d": null}'
    assert Adviser().rewrite([f"This row:\n{row}\n{advice}\nKeep every other value.\n"]) == [made]
