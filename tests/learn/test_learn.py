"""Planted rules are found, columns that have nothing to do with each other give none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthtab.assess.compliance import Audit
from synthtab.files import read_frame
from synthtab.frames import encode_frame
from synthtab.ir import nodes
from synthtab.lang.comments import format_with_comments
from synthtab.lang.model import Model
from synthtab.learn.draft import to_text
from synthtab.learn.evidence import Options, surprise, worth
from synthtab.learn.learn import learn

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
ROWS = 1_000
Alone = nodes.UniqueRule | nodes.ReferenceRule


def drafted(frames: Mapping[str, pd.DataFrame], options: Options | None = None) -> str:
    """Return a draft, after checking that it parses, is in the usual layout, and holds."""
    draft = learn(frames, options)
    text = to_text(draft)
    model = Model.parse(text)
    assert model == draft.model
    assert model.source is not None
    assert not [w for w in model.warnings if w.severity == "error"]
    audit = Audit(model.tables)
    for table in model.tables:
        audit.add(table.name, encode_frame(table.columns, frames[table.name]))
    for name, result in audit.results().items():
        assert not result.broken, name
        assert not result.unchecked
    marked = {
        (t.name, r.columns if isinstance(r, Alone) and len(r.columns) == 1 else r.name)
        for t in model.tables
        for r in t.rules
    }
    assert text.count("# inferred: support") == len(marked)
    assert format_with_comments(model.tables, (), model.source) == text
    return text


def one(frame: pd.DataFrame, options: Options | None = None) -> str:
    return drafted({"t": frame}, options)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def days(offsets: np.ndarray) -> list[date]:
    return [date(2020, 1, 1) + timedelta(days=int(d)) for d in offsets]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rows", [40, 300, 5_000])
def test_independent_columns_give_no_rules(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": rng.integers(0, 1_000, rows),
            "b": rng.integers(-500, 5_000, rows),
            "c": rng.normal(100, 20, rows).round(2),
            "d": rng.exponential(50, rows).round(1),
            "few": rng.integers(0, 5, rows),
            "zeros": np.where(rng.random(rows) < 0.5, 0, rng.integers(1, 100, rows)),
            "kind": rng.choice(["x", "y", "z", "rare"], rows, p=[0.5, 0.3, 0.19, 0.01]),
            "colour": rng.choice(["red", "green"], rows),
            "flag": rng.random(rows) < 0.03,
            "day": days(rng.integers(0, 2_000, rows)),
            "other_day": days(rng.integers(500, 2_500, rows)),
            "gone": np.where(rng.random(rows) < 0.3, np.nan, rng.integers(0, 50, rows)),
            "empty": np.where(rng.random(rows) < 0.9, None, "here"),
            "near": rng.integers(0, 20, rows) + 970,
        }
    )
    assert "# inferred" not in one(frame)


def test_keys(rng: np.random.Generator) -> None:
    number = np.tile(np.arange(1, 21), ROWS // 20)
    frame = pd.DataFrame(
        {
            "bill": np.repeat(np.arange(ROWS // 20), 20) * 7,
            "line": rng.permutation(20)[number - 1] * 3,
            "code": rng.permutation(ROWS),
        }
    )
    text = one(frame)
    assert "unique" in text.split("code")[1].split("\n")[0]
    assert "unique (bill, line)" in text
    assert "key (bill, line)" in one(frame.drop(columns="code"))


def test_dependencies(rng: np.random.Generator) -> None:
    town = rng.integers(0, 60, ROWS)
    street = rng.integers(0, 8, ROWS)
    frame = pd.DataFrame(
        {
            "zip": town + 10_000,
            "city": [f"city {t % 30}" for t in town],
            "state": [f"state {t % 30 % 5}" for t in town],
            "part": street,
            "post": (town * 13 + street * 7) % 101,
        }
    )
    text = one(frame)
    assert "zip determines city\n" in text
    assert "city determines state\n" in text
    assert "zip determines state" not in text  # follows
    assert "zip, part determines post" in text
    frame.loc[0, "city"] = "nowhere"
    text = one(frame, Options(soft=0.9))
    assert "zip determines city\n" in text.split("at least")[1]


def test_sums_and_products(rng: np.random.Generator) -> None:
    net = rng.integers(100, 9_999, ROWS)
    tax = rng.integers(1, 900, ROWS)
    tip = rng.integers(1, 50, ROWS)
    count = rng.integers(1, 9, ROWS)
    price = [Decimal(int(p)).scaleb(-2) for p in rng.integers(100, 9_999, ROWS)]
    frame = pd.DataFrame(
        {
            "net": net,
            "tax": tax,
            "gross": net + tax,
            "tip": tip,
            "paid": net + tax + tip,
            "count": count,
            "price": price,
            "total": [p * int(c) for p, c in zip(price, count, strict=True)],
        }
    )
    text = one(frame)
    assert "gross = net + tax" in text
    assert "paid = gross + tip" in text or "paid = net + tax + tip" in text
    assert text.count("_sum") == 2  # the third sum follows
    assert "total = `count` * price" in text or "total = count * price" in text
    assert "net <= gross" not in text
    assert "determines" not in text
    frame.loc[[3, 4, 5], "gross"] += 1
    assert "at least 99.7%: gross = net + tax" in one(frame)
    alone = one(frame[["net", "tax", "tip", "paid"]])
    assert "paid = net + tax + tip" in alone


def test_equalities_and_distances(rng: np.random.Generator) -> None:
    code = rng.integers(0, 500, ROWS)
    start = rng.integers(0, 3_000, ROWS)
    frame = pd.DataFrame(
        {
            "a": code,
            "same": code,
            "shifted": code + 17,
            "mostly": np.where(np.arange(ROWS) < 8, 499 - code, code),
            "starts": days(start),
            "ends": days(start + 30),
            "booked": pd.to_datetime("2020-01-01") + pd.to_timedelta(start * 61, unit="s"),
            "paid": pd.to_datetime("2020-01-01") + pd.to_timedelta(start * 61 + 90, unit="s"),
        }
    )
    text = one(frame)
    assert "a = same" in text
    assert "shifted = a + 17" in text
    assert "shifted = same + 17" not in text
    assert "a determines same" not in text
    assert "%: a = mostly" in text
    assert "ends = starts + 30 days" in text
    assert "paid = booked + 90 seconds" in text


def test_orders(rng: np.random.Generator) -> None:
    low = rng.integers(0, 1_000, ROWS)
    middle = low + rng.integers(0, 300, ROWS)
    frame = pd.DataFrame(
        {
            "low": low,
            "middle": middle,
            "high": middle + rng.integers(0, 300, ROWS),
            "beyond": rng.integers(5_000, 6_000, ROWS),
            "began": days(low),
            "ended": pd.Series(days(low + rng.integers(1, 9, ROWS))).where(
                pd.Series(rng.random(ROWS) < 0.7)
            ),
            "typed": days(low + np.where(np.arange(ROWS) < 6, -40, rng.integers(0, 99, ROWS))),
        }
    )
    text = one(frame)
    assert "low <= middle" in text
    assert "middle <= high" in text
    assert "low <= high" not in text  # follows
    assert "<= beyond" not in text
    assert "began < ended" in text
    assert "at least 99.4%: began <= typed" in text


def test_nothing_follows_through_a_null(rng: np.random.Generator) -> None:
    low = rng.integers(0, 1_000, ROWS)
    middle = low + rng.integers(0, 300, ROWS)
    frame = pd.DataFrame({"low": low, "middle": middle, "high": middle + 5})
    frame["middle"] = frame["middle"].astype("Int64").mask(rng.random(ROWS) < 0.3)
    frame["high"] += rng.integers(0, 300, ROWS)
    text = one(frame)
    assert "low < high" in text or "low <= high" in text


def test_implications(rng: np.random.Generator) -> None:
    status = rng.choice(["open", "paid", "void"], ROWS, p=[0.4, 0.5, 0.1])
    paid = status == "paid"
    role = rng.choice(["wife", "husband", "child"], ROWS)
    sex = np.where(role == "wife", "F", np.where(role == "husband", "M", "?"))
    free = rng.choice(["F", "M"], ROWS)
    sex = np.where(sex == "?", free, sex)
    sex[np.flatnonzero(role == "husband")[0]] = "F"
    gain = np.where(rng.random(ROWS) < 0.4, rng.integers(1, 900, ROWS), 0)
    loss = np.where((gain == 0) & (rng.random(ROWS) < 0.5), rng.integers(1, 900, ROWS), 0)
    frame = pd.DataFrame(
        {
            "status": status,
            "paid_on": pd.Series(days(rng.integers(0, 2_000, ROWS))).where(pd.Series(paid)),
            "by": np.where(paid, rng.choice(["cash", "card"], ROWS), None),
            "role": role,
            "sex": sex,
            "gain": gain,
            "loss": loss,
        }
    )
    text = one(frame)
    assert "paid_on is null iff `by` is null" in text or "paid_on is null iff by is null" in text
    assert "when status = 'paid' then paid_on is not null" in text
    assert "when paid_on is not null then status = 'paid'" in text
    assert "when role = 'wife' then sex = 'F'" in text
    assert "when role = 'husband' then sex = 'M'" in text.split("at least 99.9%")[1]
    assert "when gain != 0 then loss = 0" in text or "when loss != 0 then gain = 0" in text
    assert "child" not in text.split("rule", 1)[1]


def test_gaps(rng: np.random.Generator) -> None:
    gain = np.where(rng.random(ROWS) < 0.5, 0, rng.integers(250, 1_000, ROWS))
    text = one(pd.DataFrame({"gain": gain}))
    assert f"gain = 0 or gain >= {gain[gain > 0].min()}" in text


def shop(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Return accounts with movements that add up, and owners of which each has exactly one."""
    accounts = 120
    opened = rng.integers(0, 1_000, accounts)
    per = rng.integers(4, 20, accounts)
    account = np.repeat(np.arange(accounts), per)
    number = np.concatenate([np.arange(1, n + 1) for n in per])
    kind = rng.choice(["in", "out"], len(account))
    amount = rng.integers(1, 500, len(account))
    signed = pd.Series(np.where(kind == "in", amount, -amount))
    day = opened[account] + 5 * number + rng.integers(0, 5, len(account))
    holders = np.concatenate([np.arange(accounts), rng.choice(accounts, 60, replace=False)])
    return {
        "account": pd.DataFrame({"account_id": np.arange(accounts) + 100, "opened": days(opened)}),
        "movement": pd.DataFrame(
            {
                "movement_id": rng.permutation(len(account)) + 5_000,
                "account_id": account + 100,
                "seq": number,
                "day": days(day),
                "kind": kind,
                "amount": amount,
                "balance": signed.groupby(account).cumsum(),
            }
        ),
        "holder": pd.DataFrame(
            {
                "holder_id": np.arange(len(holders)) + 1,
                "account_id": holders + 100,
                "role": np.where(np.arange(len(holders)) < accounts, "owner", "guest"),
            }
        ),
        "card": pd.DataFrame(
            {
                "card_id": np.arange(100) + 1,
                "holder_id": rng.permutation(accounts)[:100] + 1,
                "level": rng.integers(1, 30, 100),
            }
        ),
    }


def test_rules_between_tables(rng: np.random.Generator) -> None:
    text = drafted(shop(rng))
    assert text.count("-> account.account_id") == 2
    assert text.count("->") == 3
    assert "count(of holder) >= 1" in text
    assert "count(of holder where role = 'owner') = 1" in text
    assert "holder.role = 'owner'" in text
    assert "account.opened <= day" in text or "account.opened < day" in text
    assert "gap_free(seq) per account_id" in text
    assert "non_decreasing(day) per account_id ordered by seq" in text
    assert "rule running_balance" in text
    assert "when kind = 'in' then amount else -amount end" in text


def test_orphans_make_a_soft_reference(rng: np.random.Generator) -> None:
    tables = shop(rng)
    tables["movement"].loc[0, "account_id"] = 1
    text = drafted(tables)
    assert "account_id -> account.account_id" in text.split("at least 99.")[1]


def test_limits(rng: np.random.Generator) -> None:
    low = rng.integers(0, 1_000, ROWS)
    frame = pd.DataFrame({f"x{k}": low + k * rng.integers(1, 99, ROWS) for k in range(6)})
    assert one(frame, Options(most=2)).count("rule ") == 2
    assert "rule" not in one(frame, Options(least_support=ROWS + 1))
    assert "rule" not in one(frame[:20])


def test_surprise_is_what_is_expected_without_exceptions() -> None:
    assert surprise(50.0, 0) == 50.0
    assert surprise(50.0, 50) == 0.0
    assert 0 < surprise(50.0, 5) < 50
    assert worth(50.0, 2, 100, Options())
    assert not worth(50.0, 3, 100, Options())
    assert not worth(10.0, 0, 100, Options())
    assert not worth(50.0, 0, 29, Options())


def test_progress_ends_at_the_end(rng: np.random.Generator) -> None:
    seen: list[float] = []
    learn(shop(rng), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.skipif(not (DATA / "adult").is_dir(), reason="the public data are not here")
def test_adult() -> None:
    text = drafted({"adult": read_frame(DATA / "adult" / "adult.csv.gz")})
    assert "education determines education_num" in text
    assert "education_num determines education\n" in text
    assert "when relationship = 'Husband' then sex = 'Male'" in text.split("99.996%:")[1]
    assert "when relationship = 'Wife' then sex = 'Female'" in text
    assert "when capital_gain != 0 then capital_loss = 0" in text or (
        "when capital_loss != 0 then capital_gain = 0" in text
    )


def test_two_references_to_one_table(rng: np.random.Generator) -> None:
    """One of them is soft; what looks through the other has to say which it means."""
    day = rng.integers(0, 900, 60)
    home, away = rng.integers(0, 60, ROWS), rng.integers(0, 60, ROWS)
    games = pd.DataFrame(
        {
            "game_id": np.arange(ROWS) + 1,
            "home_team_id": home + 1,
            "away_team_id": away + 1,
            "played": days(day[home] + rng.integers(0, 50, ROWS)),
        }
    )
    games.loc[4, "away_team_id"] = 77
    teams = pd.DataFrame({"team_id": np.arange(60) + 1, "founded": days(day)})
    text = drafted({"game": games, "team": teams})
    assert "home_team_id integer in 1 .. 60   -> team.team_id" in text or (
        "-> team.team_id" in text.split("home_team_id")[1].split("\n")[0]
    )
    assert "away_team_id -> team.team_id" in text.split("at least 99.9%")[1]
    assert "home_team_id.founded <= played" in text


def test_nulls_and_texts_of_a_table_are_no_values(rng: np.random.Generator) -> None:
    names = [f"name {k}" for k in range(300)]
    frame = pd.DataFrame({"name": [None, *names], "x": rng.integers(0, 9, 301)})
    assert "optional unique" in one(frame)
    frame = pd.DataFrame({"name": [None, "name 4", *names], "x": rng.integers(0, 9, 302)})
    assert "unique" not in one(frame)


@pytest.mark.skipif(not (DATA / "berka_bank").is_dir(), reason="the public data are not here")
def test_a_bank() -> None:
    folder = DATA / "berka_bank"
    text = drafted({p.name.split(".")[0]: read_frame(p) for p in sorted(folder.glob("*.csv*"))})
    for rule in (
        "amount = duration * payments",
        "count(of disp where type = 'OWNER') = 1",
        "disp.type = 'OWNER'",
        "account.date <= date",
        "gap_free(seq) per account_id",
        "non_decreasing(date) per account_id ordered by seq",
        "previous(balance, 0) per account_id ordered by seq",
        "operation in ('PREVOD Z UCTU', 'VKLAD') then type = 'PRIJEM'",
        "when operation is null then k_symbol = 'UROK'",
    ):
        assert rule in text
    assert text.count("->") == 8
