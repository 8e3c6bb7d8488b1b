"""Attacks on tables whose truth is known: copies are found, independent rows are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthtab.batch import Batch, concat
from synthtab.errors import UsageError
from synthtab.privacy.audit import attacks
from synthtab.privacy.audit.attributes import guess_secret
from synthtab.privacy.audit.canaries import Fitted, canary_bound
from synthtab.privacy.audit.distances import nearer_to_training
from synthtab.privacy.audit.encoding import Encoder
from synthtab.privacy.audit.membership import judge
from synthtab.privacy.audit.report import AuditReport
from synthtab.privacy.audit.shadow import shadow_attack
from synthtab.privacy.audit.tables import audit_tables
from synthtab.schema import BooleanType, Column, DecimalType, EnumType, IntegerType, TextType

COLUMNS = (
    Column("kind", EnumType(("a", "b", "c"))),
    Column("amount", IntegerType(), False, 0, 10_000_000),
    Column("weight", DecimalType(6, 2), True, 0, 999_999),
    Column("flag", BooleanType()),
    Column("name", TextType(12), True),
)
NAMES = np.array([f"name {k}" for k in range(40)], dtype=object)


def people(seed: int, count: int) -> Batch:
    """Draw rows from one population; amounts differ in their last digits."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, count)
    flag = (rng.random(count) < 0.2 + 0.3 * kind).astype(np.int64)
    amount = (rng.lognormal(12, 0.4, count) + 100_000 * kind).astype(np.int64)
    weight = np.abs(rng.normal(5_000, 1_000, count)).astype(np.int64)
    codes = np.stack([kind, amount, weight, flag, rng.integers(0, 40, count)], axis=1)
    nulls = np.zeros(codes.shape, dtype=bool)
    nulls[:, 2] = rng.random(count) < 0.1
    nulls[:, 4] = rng.random(count) < 0.1
    codes[nulls] = 0
    return Batch(tuple(c.name for c in COLUMNS), codes, nulls, NAMES)


TRAIN, HOLDOUT, FRESH = people(1, 600), people(2, 600), people(3, 600)


def test_distances_between_points_are_what_the_encoder_says() -> None:
    encoder = Encoder.of(COLUMNS, TRAIN)
    rows = TRAIN.take(np.zeros(8, dtype=np.int64))
    rows = replace(rows, codes=rows.codes.copy(), nulls=np.zeros(rows.nulls.shape, dtype=bool))
    rows.codes[1, 0] = (rows.codes[0, 0] + 1) % 3
    rows.nulls[2, 0] = True
    known = TRAIN.codes[~TRAIN.nulls[:, 2], 2]
    rows.codes[3, 2] = rows.codes[0, 2] + round(2 * known.std())
    rows.codes[4, 3] = 1 - rows.codes[0, 3]
    rows.codes[5, 4] = (rows.codes[0, 4] + 1) % 40
    rows.nulls[6, 4] = True
    points = encoder.points(rows)
    apart = np.linalg.norm(points - points[0], axis=1)
    assert apart[[0, 7]].tolist() == [0.0, 0.0]
    assert apart[[1, 2, 3, 4]] == pytest.approx([1.0] * 4, abs=1e-3)
    assert 0.5 < apart[5] < 1.5
    assert apart[6] > 1.0
    pool = NAMES[::-1].copy()  # the same texts under other codes are the same points
    turned = replace(rows, codes=rows.codes.copy(), pool=pool)
    turned.codes[:, 4] = 39 - turned.codes[:, 4]
    assert encoder.points(turned) == pytest.approx(points)


def test_an_encoder_takes_columns_without_a_value() -> None:
    rows = TRAIN.take(np.arange(3))
    empty = replace(rows, codes=np.zeros_like(rows.codes), nulls=np.ones_like(rows.nulls))
    for batch in (empty, replace(empty, pool=NAMES[:0]), TRAIN.take(np.arange(0))):
        points = Encoder.of(COLUMNS, batch).points(batch)
        assert np.isfinite(points).all()
        assert len(points) == len(batch)


def blurred(rows: Batch, seed: int) -> Batch:
    """Return rows with one enum drawn anew and amounts off by a little: near copies."""
    rng = np.random.default_rng(seed)
    codes = rows.codes.copy()
    codes[:, 1] += rng.integers(-500, 501, len(rows))
    codes[:, 3] = rng.integers(0, 2, len(rows))
    return replace(rows, codes=codes)


@pytest.mark.parametrize(
    ("made", "least"), [(TRAIN, 0.97), (blurred(TRAIN, 5), 0.7)], ids=["copies", "near copies"]
)
def test_copied_rows_give_members_away(made: Batch, least: float) -> None:
    encoder = Encoder.of(COLUMNS, HOLDOUT)
    members, others, known, rows = map(encoder.points, (TRAIN, FRESH, HOLDOUT, made))
    for score in (
        lambda p: attacks.closest_record(p, rows),
        lambda p: attacks.density_by_neighbours(p, rows, known),
    ):
        found = judge("x", score(members), score(others))
        assert found.auc > least
        assert found.found
    kernels = judge(
        "x",
        attacks.density_by_kernels(members, rows, known),
        attacks.density_by_kernels(others, rows, known),
    )
    assert kernels.found  # weaker: single rows are smoothed over
    if made is TRAIN:
        digits = judge(
            "x", *(attacks.digit_strings(COLUMNS, b, made, HOLDOUT) for b in (TRAIN, FRESH))
        )
        assert digits.auc > 0.85


def test_digits_copied_into_other_rows_are_found_by_their_attack_alone() -> None:
    """Amounts of the training rows, each in a new row with another first digit."""
    made = people(9, 600)
    codes = made.codes.copy()
    codes[:, 1] = TRAIN.codes[:, 1] % 10_000 + 10_000 * np.random.default_rng(4).integers(
        5, 60, 600
    )
    made = replace(made, codes=codes)
    sides = [attacks.digit_strings(COLUMNS, b, made, HOLDOUT) for b in (TRAIN, FRESH)]
    digits = judge("digits", *sides)
    assert digits.auc > 0.7
    encoder = Encoder.of(COLUMNS, HOLDOUT)
    points = encoder.points(made)
    closest = judge(
        "x", *(attacks.closest_record(encoder.points(b), points) for b in (TRAIN, FRESH))
    )
    assert closest.auc < 0.6


def test_digit_strings_need_digits() -> None:
    assert attacks.has_digits(COLUMNS, TRAIN)
    small = (Column("n", IntegerType()),)
    rows = Batch(("n",), np.arange(100)[:, None], np.zeros((100, 1), bool), NAMES[:0])
    assert not attacks.has_digits(small, rows)
    assert not attacks.has_digits(COLUMNS[:1], TRAIN)


def test_independent_rows_give_nobody_away() -> None:
    report = audit_tables(COLUMNS, TRAIN, HOLDOUT, FRESH)
    assert len(report.membership) == 4
    for found in report.membership:
        assert found.auc_interval[0] < 0.5 < found.auc_interval[1]
    for found in report.nearness:
        assert found.interval[0] < 0.5 < found.interval[1]
    assert [a.column for a in report.attributes] == ["kind", "amount", "weight", "flag"]
    assert not report.found
    assert report.verdict()[-1].startswith("No leak was found. That is no proof")


def test_copied_rows_give_everything_away() -> None:
    report = audit_tables(COLUMNS, TRAIN, HOLDOUT, TRAIN)
    assert report.found
    assert max(m.auc for m in report.membership) > 0.97
    assert report.nearness[0].share > 0.97
    assert report.copies.train == 1.0
    assert report.copies.holdout == 0.0
    assert [a.column for a in report.attributes if a.found]
    text = report.render()
    assert "Who was in the training data can be told" in text
    assert "100.0% of synthetic rows repeat a training row to the cell" in text
    assert "Leaks were found (with 95% confidence" in text


def test_nearness_is_a_half_where_sides_are_alike_whatever_their_sizes() -> None:
    encoder = Encoder.of(COLUMNS, HOLDOUT)
    for train, holdout in ((600, 600), (600, 150), (100, 600)):
        dcr, nndr, copies = nearer_to_training(
            encoder.points(FRESH),
            encoder.points(TRAIN.take(np.arange(train))),
            encoder.points(HOLDOUT.take(np.arange(holdout))),
            confidence=0.999,
        )
        for found in (dcr, nndr):
            assert found.interval[0] < 0.5 < found.interval[1]
            assert found.effective < found.rows == 600
        assert (copies.train, copies.holdout) == (0.0, 0.0)


def test_rows_that_are_on_both_sides_count_half() -> None:
    points = Encoder.of(COLUMNS, TRAIN).points(TRAIN)
    dcr, nndr, copies = nearer_to_training(points, points, points)
    assert (dcr.share, nndr.share) == (0.5, 0.5)
    assert (copies.train, copies.holdout) == (1.0, 1.0)


def test_one_row_copied_many_times_is_one_witness() -> None:
    """Its share is 100%, but it says so once: the interval is wide."""
    encoder = Encoder.of(COLUMNS, HOLDOUT)
    same = encoder.points(TRAIN.take(np.zeros(500, dtype=np.int64)))
    dcr, _, _ = nearer_to_training(same, encoder.points(TRAIN), encoder.points(HOLDOUT))
    assert dcr.share == 1.0
    assert dcr.effective == pytest.approx(1.0)
    assert not dcr.found


def test_a_secret_that_follows_from_the_rest_is_no_leak() -> None:
    """What everybody's rows tell is no more told by those of the training data."""
    tables = (TRAIN, HOLDOUT, FRESH, people(4, 300))
    codes = [b.codes.copy() for b in tables]
    for one in codes:
        one[:, 3] = one[:, 0] == 2
    sides = [replace(b, codes=c) for b, c in zip(tables, codes, strict=True)]
    found = guess_secret(COLUMNS, "flag", sides[0], sides[3], sides[2], sides[1])
    assert found.through_synthetic > 0.95
    assert abs(found.gain) < 0.05
    assert not found.found


def test_a_secret_that_is_copied_is_a_leak() -> None:
    found = guess_secret(COLUMNS, "flag", TRAIN, FRESH, TRAIN, HOLDOUT)
    assert found.through_synthetic > found.baseline + 0.1
    assert found.found
    amount = guess_secret(COLUMNS, "amount", TRAIN, FRESH, TRAIN, HOLDOUT)
    assert amount.found


def test_synthetic_rows_better_than_the_hold_out_for_everybody_are_no_leak() -> None:
    """The hold-out's secrets are noise: a model of good synthetic rows guesses better, of all."""
    tables = (TRAIN, people(4, 400), FRESH, HOLDOUT)
    codes = [b.codes.copy() for b in tables]
    for one in codes[:3]:
        one[:, 3] = one[:, 0] == 2
    train, others, fresh, holdout = (
        replace(b, codes=c) for b, c in zip(tables, codes, strict=True)
    )
    found = guess_secret(COLUMNS, "flag", train, others, fresh, holdout)
    assert found.through_synthetic > found.baseline + 0.1
    assert abs(found.gain) < 0.1
    assert not found.found


@pytest.mark.parametrize("secret", ["name", "nobody"])
def test_a_column_that_cannot_be_guessed_is_refused(secret: str) -> None:
    with pytest.raises(UsageError, match="kind, amount, weight, flag"):
        guess_secret(COLUMNS, secret, TRAIN, HOLDOUT, FRESH, HOLDOUT)


@pytest.mark.parametrize("sizes", [(1, 600, 600), (600, 3, 600), (600, 600, 0), (0, 0, 0)], ids=str)
def test_too_few_rows_are_refused(sizes: tuple[int, int, int]) -> None:
    sides = [b.take(np.arange(n)) for b, n in zip((TRAIN, HOLDOUT, FRESH), sizes, strict=True)]
    with pytest.raises(UsageError, match="an audit needs"):
        audit_tables(COLUMNS, *sides)


def test_the_fewest_rows_there_may_be_are_audited() -> None:
    sides = [b.take(np.arange(n)) for b, n in ((TRAIN, 2), (HOLDOUT, 4), (FRESH, 1))]
    report = audit_tables(COLUMNS, *sides)
    assert not report.found
    assert isinstance(report, AuditReport)
    one = audit_tables(COLUMNS[:1], *(b.select(["kind"]) for b in sides))
    assert one.attributes == ()
    assert one.skipped == ("digit strings: no column has numbers of three digits or more",)
    assert "not tried: digit strings" in one.render()


def resampled(rows: Batch, share: float, rng: np.random.Generator) -> Batch:
    """Return as many rows, a share of them copied, the others new: a leaky model."""
    fresh = people(int(rng.integers(10**6)), len(rows))
    copied = rng.random(len(rows)) < share
    parts = [rows.take(copied), fresh.take(~copied)]
    return concat(parts, ["name"])


def test_shadow_models_tell_members_of_a_leaky_model_and_not_of_a_sound_one() -> None:
    records = concat([TRAIN.take(np.arange(150)), FRESH.take(np.arange(150))], ["name"])
    included = np.arange(300) < 150
    rest = people(11, 300)
    rng = np.random.default_rng(12)
    learned = concat([rest, records.take(included)], ["name"])
    for share, leaky in ((0.8, True), (0.0, False)):
        found = shadow_attack(
            lambda rows, share=share: resampled(rows, share, rng),
            *(COLUMNS, records, included, resampled(learned, share, rng), HOLDOUT, 3),
            confidence=0.999,
        )
        assert found.found == leaky
        assert (found.auc > 0.8) == leaky


def test_canaries_find_a_leaky_model_and_not_a_sound_one() -> None:
    """Rows far from all others; a model that copies nine rows of ten copies them too."""
    rng = np.random.default_rng(13)
    canaries = people(14, 200)
    codes = canaries.codes.copy()
    codes[:, 1] = rng.integers(3_000_000, 10_000_000, 200)
    codes[:, 2] = rng.integers(500_000, 999_999, 200)
    canaries = replace(canaries, codes=codes)
    leaky = canary_bound(
        lambda rows: Fitted(resampled(rows, 0.9, rng)), *(COLUMNS, FRESH, canaries, 2, 1e-6, 0.999)
    )
    assert leaky.epsilon > 1
    assert leaky.trials == 400
    sound = canary_bound(
        lambda rows: Fitted(resampled(rows, 0.0, rng)), *(COLUMNS, FRESH, canaries, 2, 0.0, 0.999)
    )
    assert sound.epsilon == 0.0  # above it once in a thousand
    report = replace(
        audit_tables(COLUMNS, TRAIN, HOLDOUT, FRESH, secrets=[]),
        bounds=(leaky, sound),
        stated=(1.0, 1e-6),
    )
    assert report.refuted
    assert report.found
    assert "the stated epsilon 1 does not hold" in report.render()
    assert report.to_dict()["stated"] == {"epsilon": 1.0, "delta": 1e-6, "refuted": True}
    fine = replace(report, bounds=(sound,))
    assert "which agrees with the stated epsilon 1" in fine.render()


def test_bad_input_of_shadows_and_canaries_is_refused() -> None:
    truth = np.arange(600) < 300
    for call in (
        lambda: shadow_attack(lambda r: r, COLUMNS, TRAIN, truth, FRESH, HOLDOUT, shadows=0),
        lambda: shadow_attack(lambda r: r, COLUMNS, TRAIN, truth[:5], FRESH, HOLDOUT),
        lambda: shadow_attack(lambda r: r, COLUMNS, TRAIN, truth | True, FRESH, HOLDOUT),
        lambda: canary_bound(Fitted, COLUMNS, TRAIN, FRESH, 0, 0.0),
        lambda: canary_bound(Fitted, COLUMNS, TRAIN, FRESH, 1, 0.0, copies=0),
        lambda: canary_bound(Fitted, COLUMNS, TRAIN, FRESH.take(np.arange(0)), 1, 0.0),
    ):
        with pytest.raises(UsageError):
            call()
