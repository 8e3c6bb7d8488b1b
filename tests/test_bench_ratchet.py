"""Limits that only tighten: what passes, what falls back, what is new and what is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import quick, ratchet
from bench.ratchet import Limit, RatchetError, Reading, judge, tightened

LIMITS = {"speed": Limit(0.9, "at least", 0.1), "error": Limit(0.02, "at most", 0.0)}
values = st.floats(0, 1e6)
limits = st.builds(Limit, values, st.sampled_from(["at least", "at most"]), st.floats(0, 1))


def readings(speed: float = 0.9, error: float = 0.02) -> list[Reading]:
    return [Reading("speed", speed, "at least", 0.1), Reading("error", error)]


def test_better_and_equal_pass_and_so_does_what_the_slack_allows() -> None:
    assert judge(readings(), LIMITS) == []
    assert judge(readings(1.5, 0.01), LIMITS) == []
    assert judge(readings(0.82, 0.02), LIMITS) == []


def test_worse_names_the_figure_the_value_and_the_limit() -> None:
    assert judge(readings(speed=0.8), LIMITS) == [
        "speed: 0.8, where at least 0.81 is asked for (0.9 reached, slack 10%)"
    ]
    assert judge(readings(error=0.0201), LIMITS) == [
        "error: 0.0201, where at most 0.02 is asked for (0.02 reached, slack 0%)"
    ]
    assert len(judge(readings(float("nan"), float("nan")), LIMITS)) == 2


def test_a_figure_that_is_gone_or_new_is_named() -> None:
    (gone,) = judge(readings()[:1], LIMITS)
    assert gone.startswith("error: has a limit in ratchet.json and was not measured")
    (new,) = judge([*readings(), Reading("size", 3)], LIMITS)
    assert new.startswith("size: 3 has no limit in ratchet.json; --update-ratchet adds one")


def test_an_update_tightens_and_never_loosens() -> None:
    better = tightened(readings(1.2, 0.01), LIMITS)
    assert better == {"error": Limit(0.01, "at most", 0.0), "speed": Limit(1.2, "at least", 0.1)}
    assert tightened(readings(0.5, 0.5), LIMITS) == LIMITS
    assert tightened(readings(float("nan")), LIMITS)["speed"] == LIMITS["speed"]


def test_an_update_adds_what_is_new_and_keeps_what_was_not_measured() -> None:
    new = tightened([Reading("size", 3.14159, "at most", 0.2)], LIMITS)
    assert new == {**LIMITS, "size": Limit(3.142, "at most", 0.2)}


@settings(max_examples=300)
@given(limits, values)
def test_after_an_update_what_passed_passes_and_what_was_read_does(
    limit: Limit, value: float
) -> None:
    reading = Reading("x", value, limit.direction, limit.slack)
    (after,) = tightened([reading], {"x": limit}).values()
    tighter = (
        after.limit >= limit.limit if limit.direction == "at least" else after.limit <= limit.limit
    )
    assert tighter
    if limit.passes(value):
        assert after.passes(value) or after.slack < limit.slack
    (fresh,) = tightened([reading], {}).values()
    assert fresh.passes(value)


def test_limits_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "ratchet.json"
    ratchet.write(LIMITS, path)
    assert ratchet.read(path) == LIMITS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is broken: it is not JSON"),
        ("[]", "is of format None"),
        ('{"format": 9, "figures": {}}', "is of format 9, this version of the harness reads"),
        ('{"format": 1}', "it has no `figures`"),
        ('{"format": 1, "figures": {"x": {"limit": 1}}}', "'x' needs a number `limit`"),
        (
            '{"format": 1, "figures": {"x": {"limit": 1, "direction": "up", "slack": 0}}}',
            "'at least' or 'at most'",
        ),
        (
            '{"format": 1, "figures": {"x": {"limit": 1, "direction": "at most", "slack": -1}}}',
            "a `slack` of 0 or more",
        ),
    ],
)
def test_a_file_that_is_no_ratchet_is_named_with_what_to_do(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "ratchet.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RatchetError) as caught:
        ratchet.read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "git checkout" in str(caught.value)


def test_without_a_file_the_message_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RatchetError, match=r"none\.json cannot be read: .*--update-ratchet"):
        ratchet.read(tmp_path / "none.json")


def test_the_command_fails_naming_what_fell_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ratchet.json"
    monkeypatch.setattr(quick, "run", lambda: readings(0.9, 0.02))
    quick.main(update=True, place=path)
    quick.main(update=False, place=path)
    before = path.read_text(encoding="utf-8")
    monkeypatch.setattr(quick, "run", lambda: readings(0.1, 0.01))
    with pytest.raises(SystemExit, match=r"fell back\n  speed: 0\.1, where at least 0\.81"):
        quick.main(update=False, place=path)
    assert path.read_text(encoding="utf-8") == before
    assert "| speed | 0.1 | at least 0.81 | **no** |" in capsys.readouterr().out
    path.write_text("{", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"bench: .*is broken"):
        quick.main(update=True, place=path)


def test_every_figure_measured_has_a_committed_limit() -> None:
    """Judged on a table learned in a moment: names are what counts here, not values."""
    data = quick.tables(0)[1]
    names = {r.name for r in quick.measured(data, 0, symbols=2_000, rows=40, turns=1)}
    committed = ratchet.read()
    assert names == {name for name in committed if name.startswith(data.name)}
    assert all(limit.slack <= 1 for limit in committed.values())
    enforced = [limit for name, limit in committed.items() if name.endswith("solver: share valid")]
    assert enforced
    assert all(limit.bound == 1 for limit in enforced)
    content = json.loads(ratchet.PLACE.read_text(encoding="utf-8"))
    assert list(content["figures"]) == sorted(content["figures"])
