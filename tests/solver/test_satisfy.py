"""Contradictions are named as minimal sets."""

from synthtab.lang.model import Model
from synthtab.solver.satisfy import contradictions


def findings(text: str) -> list[str]:
    model = Model.parse(text, "m.rules")
    return [d.render() for d in contradictions(model.tables, model.source)]


def test_rules_that_can_hold_together_give_nothing():
    assert findings("table t { a integer in 0 .. 9  b integer rule r: a < b }") == []


def test_a_minimal_set_is_named_and_nothing_else():
    found = findings(
        """table t {
  a integer
  b integer
  c integer
  rule low: a < b
  rule other: c > 0
  rule high: b < c
  rule back: c < a
}
"""
    )
    assert len(found) == 1
    head = found[0].splitlines()[0]
    assert head.startswith("error[E301]: rule low and rule high and rule back contradict")
    assert "rule other" not in found[0]
    assert "m.rules:5:" in found[0]
    for line in ("rule low: a < b", "rule high: b < c", "rule back: c < a"):
        assert line in found[0]


def test_a_rule_against_a_range_names_the_column():
    found = findings("table t { age integer in 0 .. 120\n rule old: age > 150 }")
    assert len(found) == 1
    assert "rule old" in found[0]
    assert "the range of age" in found[0]


def test_two_separate_conflicts_are_both_found():
    found = findings(
        """table t {
  a integer
  b integer
  rule a1: a > 5
  rule a2: a < 5
  rule b1: b > 5
  rule b2: b < 5
}
"""
    )
    assert len(found) == 2
    assert "rule a1 and rule a2" in found[0]
    assert "rule b1 and rule b2" in found[1]


def test_null_satisfies_what_no_value_can():
    assert findings("table t { a integer optional\n rule up: a > 5\n rule down: a < 5 }") == []
    required = "table t { a integer\n rule up: a > 5\n rule down: a < 5 }"
    assert len(findings(required)) == 1
