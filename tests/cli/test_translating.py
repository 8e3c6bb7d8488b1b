"""rulecheck translate: what it prints, asks, writes, and refuses."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import typer
from command_line import Call
from tiny_llama import save_tiny_llama

from synthtab.cli import rulecheck
from synthtab.lang.model import Model

RULES = """# What the shop knows.
table item {
  id     integer key
  kind   enum('book', 'toy')   # more to come
  price  decimal(8, 2) in 0 .. 10_000
  bought date
  sold   date optional

  rule order: sold >= bought  # nobody sells before
}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.rules"
    path.write_text(RULES)
    return path


def answers(monkeypatch: pytest.MonkeyPatch, answer: bool) -> list[str]:
    asked: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr(typer, "confirm", confirm)
    return asked


def test_it_shows_the_rule_and_two_rows(call: Call, shop: Path) -> None:
    ran = call(rulecheck.main, "translate", shop, "Books must have a price below 100", "--yes")
    assert ran.code == 0
    assert "when kind = 'book' then price < 100" in ran.out
    assert "allows : kind = 'book', price = " in ran.out
    assert "refuses: kind = 'book', price = " in ran.out
    assert shop.read_text() == RULES


def test_it_writes_after_a_question_and_leaves_the_rest(
    call: Call, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, False)
    sentence = "Books must have a price below 100"
    ran = call(rulecheck.main, "translate", shop, sentence, "--write")
    assert (ran.code, shop.read_text()) == (1, RULES)
    assert asked == [f"Add it to {shop}?"]
    assert "nothing was written" in ran.err
    answers(monkeypatch, True)
    ran = call(rulecheck.main, "translate", shop, sentence, "--write")
    assert ran.code == 0
    new = [line for line in shop.read_text().split("\n") if line not in RULES.split("\n")]
    assert new == [
        '  rule books_price_below_100 "Books must have a price below 100":',
        "    when kind = 'book' then price < 100",
    ]
    assert "# nobody sells before" in shop.read_text()
    assert call(rulecheck.main, "check", shop).code == 0
    ran = call(rulecheck.main, "translate", shop, sentence, "--write", "--yes")
    assert "the file has it already" in ran.out
    assert shop.read_text().count("below_100") == 1


def test_a_question_that_nobody_answers_is_a_no(
    call: Call, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    ran = call(rulecheck.main, "translate", shop, "The price must be positive", "--write")
    assert (ran.code, shop.read_text()) == (1, RULES)


def test_a_contradiction_names_the_rules_and_writes_nothing(call: Call, shop: Path) -> None:
    sentence = "The price must be more than 20,000"
    ran = call(rulecheck.main, "translate", shop, sentence, "--write", "--yes")
    assert (ran.code, shop.read_text()) == (1, RULES)
    assert "error[E301]" in ran.out
    assert "the range of price contradict each other" in ran.out
    found = json.loads(call(rulecheck.main, "translate", shop, sentence, "--json").out)
    assert found["conflicts"][0]["code"] == "E301"


def test_what_others_imply_is_said(call: Call, shop: Path) -> None:
    ran = call(rulecheck.main, "translate", shop, "The price is never negative", "--yes")
    assert ran.code == 0
    assert "already implied by: the range of price" in ran.out


def test_json_has_all_of_it_and_never_asks(call: Call, shop: Path) -> None:
    sentence = "Toys must be sold within 30 days after they are bought"
    ran = call(rulecheck.main, "translate", shop, sentence, "--json")
    found = json.loads(ran.out)
    assert found["understood"]
    assert found["table"] == "item"
    assert found["rule"].endswith("then sold between bought and bought + 30 days")
    assert found["allows"]["kind"] == "toy"
    assert len(found["refuses"]) == 1
    assert not found["written"]
    ran = call(rulecheck.main, "translate", shop, sentence, "--json", "--write")
    assert ran.code == 2
    assert "--yes" in ran.err
    ran = call(rulecheck.main, "translate", shop, sentence, "--json", "--write", "--yes")
    assert json.loads(ran.out)["written"]
    assert Model.load(shop).table().rules[-1].description == sentence


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("Prices should be fair", "is a judgement"),
        ("The prize must be positive", "did you mean “price”"),
        ("", "is empty"),
    ],
)
def test_what_is_not_understood_is_wrong_use(
    call: Call, shop: Path, sentence: str, words: str
) -> None:
    ran = call(rulecheck.main, "translate", shop, sentence)
    assert ran.code == 2
    assert words in " ".join(ran.err.split())
    ran = call(rulecheck.main, "translate", shop, sentence, "--json")
    assert ran.code == 2
    assert not json.loads(ran.out)["understood"]
    assert words in json.loads(ran.out)["problem"]


def test_bad_input_is_said_in_words(call: Call, shop: Path, tmp_path: Path) -> None:
    assert call(rulecheck.main, "translate", tmp_path / "no.rules", "X").code == 2
    ran = call(rulecheck.main, "translate", shop, "The price is 5", "--table", "nope")
    assert (ran.code, "no table `nope`" in ran.err) == (2, True)
    ran = call(rulecheck.main, "translate", shop, "The price is 5", "--model", tmp_path / "none")
    assert (ran.code, "there is no" in ran.err) == (2, True)
    ran = call(rulecheck.main, "translate", shop, "The price is 5", "--model", tmp_path)
    assert (ran.code, "no config.json" in ran.err) == (2, True)


def test_a_proposal_is_marked_as_the_models(call: Call, shop: Path, tmp_path: Path) -> None:
    saved = save_tiny_llama(tmp_path / "llama")
    ran = call(rulecheck.main, "translate", shop, "Prices are fair", "--model", saved, "--yes")
    if ran.code == 2:
        assert "proposed no rule that fits, in 5 attempts" in ran.err
    else:
        assert "proposes it" in ran.out
    assert shop.read_text() == RULES
