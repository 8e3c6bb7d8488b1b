"""Adult's rules as users of two peers would write them by hand: pandera checks, and SQL.

Both say what rules/adult.rules says, rule for rule and under the same names; bench/validators.py
asserts that all three count the same rows.
"""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

SCHOOLING = (
    *("Preschool", "1st-4th", "5th-6th", "7th-8th", "9th", "10th", "11th", "12th", "HS-grad"),
    *("Some-college", "Assoc-voc", "Assoc-acdm", "Bachelors", "Masters", "Prof-school"),
    "Doctorate",
)
_NUMBER_OF = {name: number for number, name in enumerate(SCHOOLING, 1)}
_NAME_OF = {number: name for name, number in _NUMBER_OF.items()}
_SPOUSES = ("Husband", "Wife")


def _when(premise: pd.Series, conclusion: pd.Series) -> pd.Series:
    return ~premise | conclusion


RULES = {
    "number_of_education": lambda t: t.education_num == t.education.map(_NUMBER_OF).astype(int),
    "education_of_number": lambda t: t.education.astype(str) == t.education_num.map(_NAME_OF),
    "gain_or_loss": lambda t: (t.capital_gain == 0) | (t.capital_loss == 0),
    "gain_size": lambda t: (t.capital_gain == 0) | t.capital_gain.between(100, 99_999),
    "loss_size": lambda t: (t.capital_loss == 0) | t.capital_loss.between(100, 9_999),
    "husband_is_male": lambda t: _when(t.relationship == "Husband", t.sex == "Male"),
    "wife_is_female": lambda t: _when(t.relationship == "Wife", t.sex == "Female"),
    "spouse_is_married": lambda t: _when(
        t.relationship.isin(_SPOUSES),
        t.marital_status.isin(["Married-civ-spouse", "Married-AF-spouse"]),
    ),
    "never_married": lambda t: _when(
        t.marital_status == "Never-married", ~t.relationship.isin(_SPOUSES)
    ),
    "never_worked": lambda t: _when(t.workclass == "Never-worked", t.occupation == "?"),
    "unknown_work": lambda t: _when(t.workclass == "?", t.occupation == "?"),
    "unknown_occupation": lambda t: _when(
        t.occupation == "?", t.workclass.isin(["?", "Never-worked"])
    ),
    "unpaid": lambda t: _when(
        t.workclass.isin(["Without-pay", "Never-worked"]), t.income == "<=50K"
    ),
    "young_income": lambda t: _when(t.age <= 18, t.income == "<=50K"),
    "doctorate_age": lambda t: _when(t.education == "Doctorate", t.age >= 20),
}


def schema() -> pa.DataFrameSchema:
    """Return the rules as vectorised checks of the whole frame, with the columns they need."""
    checks = [pa.Check(check, name=name) for name, check in RULES.items()]
    numbers = {"age", "education_num", "capital_gain", "capital_loss"}
    texts = {"education", "relationship", "sex", "marital_status", "workclass", "occupation"}
    columns = {name: pa.Column(int, nullable=False) for name in numbers}
    columns |= {name: pa.Column("category", nullable=False) for name in (*texts, "income")}
    return pa.DataFrameSchema(columns, checks=checks)


_CONDITIONS = {
    "number_of_education": "education_num = case education "
    + " ".join(f"when '{name}' then {number}" for number, name in enumerate(SCHOOLING, 1))
    + " end",
    "education_of_number": "education = case education_num "
    + " ".join(f"when {number} then '{name}'" for number, name in enumerate(SCHOOLING, 1))
    + " end",
    "gain_or_loss": "capital_gain = 0 or capital_loss = 0",
    "gain_size": "capital_gain = 0 or capital_gain between 100 and 99999",
    "loss_size": "capital_loss = 0 or capital_loss between 100 and 9999",
    "husband_is_male": "relationship <> 'Husband' or sex = 'Male'",
    "wife_is_female": "relationship <> 'Wife' or sex = 'Female'",
    "spouse_is_married": "relationship not in ('Husband', 'Wife') "
    "or marital_status in ('Married-civ-spouse', 'Married-AF-spouse')",
    "never_married": "marital_status <> 'Never-married' or relationship not in ('Husband', 'Wife')",
    "never_worked": "workclass <> 'Never-worked' or occupation = '?'",
    "unknown_work": "workclass <> '?' or occupation = '?'",
    "unknown_occupation": "occupation <> '?' or workclass in ('?', 'Never-worked')",
    "unpaid": "workclass not in ('Without-pay', 'Never-worked') or income = '<=50K'",
    "young_income": "age > 18 or income = '<=50K'",
    "doctorate_age": "education <> 'Doctorate' or age >= 20",
}


def query(table: str) -> str:
    """Return one scan that counts, for each rule, the rows that make it false."""
    counts = [f"count(*) filter (where not ({c})) as {n}" for n, c in _CONDITIONS.items()]
    return f"select {', '.join(counts)} from {table}"
