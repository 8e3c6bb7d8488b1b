"""Differences over tables: means with intervals, and verdicts in a word."""

from __future__ import annotations

import pytest

from bench.differences import interval, said, verdict


def test_a_verdict_needs_the_whole_interval() -> None:
    ends = interval([1.0, 2.0, 3.0])
    assert ends == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)  # Student's t, 2 degrees
    assert interval([1.0]) is None
    assert verdict([1.0], True) == "no difference that could be told"
    assert verdict([1.0, 2.0, 3.0], True) == "no difference that could be told"
    assert verdict([1.0, 1.1, 1.2], True) == "better"
    assert verdict([1.0, 1.1, 1.2], False) == "worse"
    assert verdict([-1.0, -1.1, -1.2], False) == "better"


def test_a_difference_is_said_with_its_sign_and_interval() -> None:
    assert said([], "{:.2f}") == "-"
    assert said([0.5], "{:.2f}") == "+0.50"
    assert said([1.0, 2.0, 3.0], "{:.2f}") == "+2.00 (-0.48 to +4.48)"
    assert said([-0.25, -0.25], "{:.1%}") == "-25.0% (-25.0% to -25.0%)"
