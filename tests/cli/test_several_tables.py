"""synthtab's commands on several tables: fit, sample, assess, load, and what goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest
from batches import to_records
from command_line import Call, words
from shop import QUICK, orphan, shop, write_shop
from stored import in_postgres, in_sqlite

from synthtab import files
from synthtab.batch import Batch
from synthtab.cli import rulecheck, synthtab
from synthtab.files import read_batch
from synthtab.lang.model import Model
from synthtab.pipeline import Synthesizer
from synthtab.relational import settling
from synthtab.relational.again import Again
from synthtab.solver.mend import Mended

TABLES = ("customer", "orders", "line")


def test_a_directory_is_learned_and_told_of_table_by_table(
    call: Call, shop_folder: Path, tmp_path: Path
) -> None:
    args = (
        "fit",
        shop_folder / "shop.rules",
        shop_folder / "real",
        "-o",
        tmp_path / "m",
        "--epochs",
        1,
    )
    ran = call(synthtab.main, *args)
    assert ran.code == 0
    for said in ("learned 3 tables", "rules kept", "mended after", "mostly_paid", "saved:"):
        assert said in ran.out
    report = json.loads(call(synthtab.main, *args, "--json").out)
    real = shop()
    for name in TABLES:
        met = report["tables"][name]
        assert met == {"rows_read": len(real[name]), "rows_used": len(real[name]), "violated": {}}
    assert isinstance(report["later"], list)
    assert Synthesizer.load(tmp_path / "m").report is not None


def test_files_may_be_given_one_by_one(call: Call, shop_folder: Path, tmp_path: Path) -> None:
    given = [f"{name}={shop_folder / 'real' / name}.csv" for name in TABLES]
    args = (
        "fit",
        shop_folder / "shop.rules",
        *given,
        "-o",
        tmp_path / "m",
        "--epochs",
        1,
        "--json",
    )
    assert set(json.loads(call(synthtab.main, *args).out)["tables"]) == set(TABLES)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_is_learned(
    call: Call, shop_folder: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    model, url = Model.load(shop_folder / "shop.rules"), ""
    for table in model.tables:
        records = to_records(
            table.columns, read_batch(shop_folder / "real" / f"{table.name}.csv", table.columns)
        )
        if kind == "sqlite":
            url = in_sqlite(tmp_path / "s.db", table.name, table.columns, records)
        else:
            server = request.getfixturevalue("postgres_url")
            url = in_postgres(server, table.name, table.columns, records)
    args = ("fit", shop_folder / "shop.rules", url, "-o", tmp_path / "m", "--epochs", 1, "--json")
    report = json.loads(call(synthtab.main, *args).out)
    assert report["tables"]["line"]["rows_used"] == len(shop()["line"])
    fitted = Synthesizer(model, config=QUICK).fit(url, seed=1)
    assert fitted.report is not None


def duplicate(tables: dict[str, pd.DataFrame]) -> None:
    tables["customer"].loc[4, "id"] = tables["customer"].loc[3, "id"]


@pytest.mark.parametrize(
    ("change", "rule"), [(orphan, "orders.customer_id"), (duplicate, "customer.id")]
)
def test_real_rows_that_break_rules_are_treated_as_asked(
    call: Call, tmp_path: Path, change: Callable[[dict[str, pd.DataFrame]], None], rule: str
) -> None:
    tables = shop(20)
    change(tables)
    folder = write_shop(tmp_path, tables)
    args = ("fit", folder / "shop.rules", folder / "real", "-o", folder / "m", "--epochs", 1)
    ran = call(synthtab.main, *args)
    assert ran.code == 1
    assert "real rows break the rules" in ran.err
    assert rule in ran.err
    assert not (folder / "m").exists()
    ran = call(synthtab.main, *args, "--violations", "drop")
    assert ran.code == 0
    assert "Real rows that broke rules were left out" in ran.out
    ran = call(synthtab.main, *args, "--violations", "repair", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["cells_repaired"] > 0


def test_sampled_tables_are_a_directory_that_keeps_every_rule(
    call: Call, shop_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    args = ("sample", shop_folder / "model", "--scale", 1.5, "--seed", 3, "-o")
    ran = call(synthtab.main, *args, out)
    assert ran.code == 0
    for said in ("cells mended", "hard rules kept", "3 of 3", "orders.mostly_paid", "60.000%"):
        assert said in ran.out
    assert sorted(p.name for p in out.iterdir()) == ["customer.csv", "line.csv", "orders.csv"]
    assert len(pd.read_csv(out / "customer.csv")) == 60
    assert call(rulecheck.main, "validate", shop_folder / "shop.rules", out).code == 0
    report = json.loads(call(synthtab.main, *args, tmp_path / "again", "--json").out)
    assert (tmp_path / "again" / "line.csv").read_text() == (out / "line.csv").read_text()
    assert report["tables"]["orders"]["rules_broken"] == {}
    assert report["tables"]["orders"]["soft"]["mostly_paid"]["required"] == 0.6
    assert report["tables"]["customer"]["returned"] == 60
    # A directory of these files is replaced; one that holds something else is not.
    (out / "notes.txt").write_text("mine")
    ran = call(synthtab.main, *args, out)
    assert ran.code == 2
    assert "holds something else (notes.txt)" in ran.err
    (out / "notes.txt").unlink()
    assert call(synthtab.main, *args, out, "--format", "parquet").code == 0
    names = ["customer.parquet", "line.parquet", "orders.parquet"]
    assert sorted(p.name for p in out.iterdir()) == names


def test_numbers_of_rows_are_by_table(call: Call, shop_folder: Path, tmp_path: Path) -> None:
    args = ("--rows", "customer=25", "-n", "orders=30", "-o", tmp_path / "out", "--json")
    report = json.loads(call(synthtab.main, "sample", shop_folder / "model", *args).out)
    assert report["tables"]["customer"]["returned"] == 25
    assert report["tables"]["orders"]["returned"] == 30


def test_one_table_with_rules_across_rows_is_a_file(call: Call, tmp_path: Path) -> None:
    rules = "table entry { number integer key\n held integer in 0 .. 99\n"
    rules += (
        " rule numbers: gap_free(number)\n rule rising: non_decreasing(held) ordered by number }"
    )
    (tmp_path / "entry.rules").write_text(rules)
    rows = pd.DataFrame({"number": range(1, 41), "held": sorted(k * 7 % 90 for k in range(40))})
    rows.to_parquet(tmp_path / "real.parquet")
    Synthesizer(Model.parse(rules), config=QUICK).fit(rows).save(tmp_path / "m")
    args = ("sample", tmp_path / "m", "-n", 30, "--seed", 1, "-o", tmp_path / "out.csv")
    report = json.loads(call(synthtab.main, *args, "--json").out)
    assert report["tables"]["entry"]["returned"] == 30
    assert report["mode"] == "solver"
    assert list(pd.read_csv(tmp_path / "out.csv")["number"]) == list(range(1, 31))
    assert call(synthtab.main, *args, "--format", "parquet").code == 2
    pair = (tmp_path / "entry.rules", tmp_path / "real.parquet")
    assert call(synthtab.main, "fit", *pair, "-o", tmp_path / "n", "--epochs", 1).code == 0
    assert call(synthtab.main, "assess", *pair, tmp_path / "out.csv").code == 0


def test_a_parent_without_rows_has_no_children(
    call: Call, shop_folder: Path, tmp_path: Path
) -> None:
    args = ("sample", shop_folder / "model", "--rows", "customer=0", "-o", tmp_path / "out")
    ran = call(synthtab.main, *args, "--json")
    assert ran.code == 0
    assert [t["returned"] for t in json.loads(ran.out)["tables"].values()] == [0, 0, 0]
    ran = call(synthtab.main, *args, "--rows", "orders=5")
    assert ran.code == 2
    assert "`orders` cannot have 5 rows" in ran.err


def test_free_rows_that_break_rules_are_told_and_exit_with_1(
    call: Call, shop_folder: Path, tmp_path: Path
) -> None:
    args = ("sample", shop_folder / "model", "--mode", "free", "--seed", 1, "-o", tmp_path / "out")
    ran = call(synthtab.main, *args)
    assert ran.code == 1
    assert "broken by" in ran.out
    assert (tmp_path / "out" / "line.csv").exists()


def test_assess_compares_each_table_and_rules_over_all(
    call: Call, shop_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert call(synthtab.main, "sample", shop_folder / "model", "--seed", 1, "-o", out).code == 0
    args = ("assess", shop_folder / "shop.rules", shop_folder / "real", out)
    ran = call(synthtab.main, *args)
    assert ran.code == 0
    for said in ("orders: ", "few_orders", "numbered", "shape error", "noise floor"):
        assert said in ran.out
    report = json.loads(call(synthtab.main, *args, "--json").out)
    assert [t["table"] for t in report["tables"]] == list(TABLES)
    assert all(t["rules"]["unchecked"] == [] for t in report["tables"])
    assert "line.order_id -> orders" in {r["name"] for r in report["relations"]}
    assert all(s["floor"] is not None for r in report["relations"] for s in r["scores"])
    frame = pd.read_csv(out / "orders.csv")
    frame.loc[0, "total"] += 1
    frame.to_csv(out / "orders.csv", index=False)
    assert call(synthtab.main, *args).code == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("sample", "{model}", "--scale", "0", "-o", "{tmp}/x"), "a scale is above 0"),
        (("sample", "{model}", "--scale", "-1", "-o", "{tmp}/x"), "a scale is above 0"),
        (("sample", "{model}", "--scale", "nan", "-o", "{tmp}/x"), "a scale is above 0"),
        (("sample", "{model}", "--scale", "inf", "-o", "{tmp}/x"), "a scale is above 0"),
        (("sample", "{model}", "--scale", "2", "-n", "line=3", "-o", "{tmp}/x"), "not both"),
        (("sample", "{model}", "-n", "customer=-4", "-o", "{tmp}/x"), "cannot have -4 rows"),
        (
            ("sample", "{model}", "-n", "nix=4", "-o", "{tmp}/x"),
            "no table `nix`; it has `customer`",
        ),
        (("sample", "{model}", "-n", "customer=many", "-o", "{tmp}/x"), "'many' is no number"),
        (("sample", "{model}", "-n", "5", "-o", "{tmp}/x"), "has 3 tables; name one of"),
        (("sample", "{model}", "-n", "line=5", "-n", "line=6", "-o", "{tmp}/x"), "given twice"),
        (("sample", "{model}", "-o", "{tmp}/x.csv"), "go to a directory"),
        (("sample", "{model}", "-o", "{tmp}/no/x"), "no directory"),
        (("sample", "{model}", "-o", "{tmp}/x", "--replace"), "--replace is for tables"),
        (("sample", "{model}", "-o", "sqlite:///{tmp}/no/x.db"), "no directory"),
        (("sample", "{model}", "-o", "sqlite:///{tmp}/x.db#line"), "names one table"),
        (("sample", "{model}", "-o", "mysql://h/d"), "mysql is none"),
        (
            ("sample", "{model}", "--mode", "solver+weighted", "-o", "{tmp}/x"),
            "'solver' is the one",
        ),
        (
            ("fit", "{rules}", "{real}/line.csv", "-o", "{tmp}/m"),
            "is one file, and the model has 3 tables",
        ),
        (("fit", "{rules}", "line={real}/line.csv", "-o", "{tmp}/m"), "`customer`, `orders`"),
        (("fit", "{rules}", "{tmp}", "-o", "{tmp}/m"), "no file named after a table"),
        (("fit", "{rules}", "{real}", "{tmp}", "-o", "{tmp}/m"), "two places"),
        (("assess", "{rules}", "{real}", "{tmp}"), "no file named after a table"),
        (("assess", "{rules}", "{real}", "{real}", "--target", "total"), "it is TABLE.COLUMN"),
        (
            ("assess", "{rules}", "{real}", "{real}", "--target", "orders.totl"),
            "no column 'totl'; is it 'total'",
        ),
        (("load", "{real}", "sqlite:///{tmp}/x.db", "--rules", "{tmp}/n.rules"), "n.rules"),
        (("load", "{tmp}", "sqlite:///{tmp}/x.db"), "has no file that ends in"),
        (
            ("load", "{tmp}/nix", "sqlite:///{tmp}/x.db", "--rules", "{rules}"),
            "no directory or file",
        ),
        (("load", "{real}", "{tmp}/x.db", "--rules", "{rules}"), "is no database URL"),
    ],
)
def test_wrong_use_exits_with_2_and_leaves_nothing(
    call: Call, shop_folder: Path, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    names = {
        "model": shop_folder / "model",
        "rules": shop_folder / "shop.rules",
        "real": shop_folder / "real",
        "tmp": tmp_path,
    }
    ran = call(synthtab.main, *(a.format(**names) for a in args))
    assert ran.code == 2, ran.err
    assert said in words(ran.err)
    assert list(tmp_path.iterdir()) == []


def test_a_reference_to_a_table_that_is_not_declared_is_a_finding(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "a.rules").write_text("table a { id integer key\n b_id integer -> b.id }")
    ran = call(synthtab.main, "fit", tmp_path / "a.rules", tmp_path, "-o", tmp_path / "m")
    assert ran.code == 2
    assert "error[E" in ran.err
    assert "`b`" in ran.err


def test_a_scale_that_a_key_cannot_hold_is_an_error_that_names_it(
    call: Call, tmp_path: Path
) -> None:
    rules = "table a { id integer in 1 .. 50 key\n size integer in 0 .. 9 }\n"
    rules += "table b { a_id integer -> a.id\n n integer in 1 .. 3\n key (a_id, n) }"
    (tmp_path / "ab.rules").write_text(rules)
    data = tmp_path / "data"
    data.mkdir()
    pd.DataFrame({"id": range(1, 31), "size": [3] * 30}).to_csv(data / "a.csv", index=False)
    rows = [(at, n) for at in range(1, 31) for n in (1, 2)]
    pd.DataFrame(rows, columns=["a_id", "n"]).to_csv(data / "b.csv", index=False)
    Synthesizer(Model.parse(rules), config=QUICK).fit(data).save(tmp_path / "m")
    args = ("sample", tmp_path / "m", "-o", tmp_path / "out")
    ran = call(synthtab.main, *args, "--scale", 2)
    assert ran.code == 2
    assert "only 50 different values" in words(ran.err)
    ran = call(synthtab.main, *args, "--rows", "a=5", "--rows", "b=40")
    assert ran.code == 2
    assert re.search(r"`b` cannot have 40 rows|b\.a_id_n_key: \d+ of 40 rows", ran.err)
    assert not (tmp_path / "out").exists()


def test_sums_that_no_lines_can_come_to_are_an_error_that_names_the_rule(
    call: Call, tmp_path: Path
) -> None:
    rules = "table bill {{ id integer key\n total integer in {} .. 90\n"
    rules += " rule lines: count(of line) between 1 and 3\n"
    rules += " rule adds_up: sum(amount of line) = total }}\n"
    rules += "table line {{ bill_id integer -> bill.id\n amount integer in 1 .. 9 }}"
    (tmp_path / "no.rules").write_text(rules.format(50))
    ran = call(synthtab.main, "sample", tmp_path / "no.rules", "-o", tmp_path / "out")
    assert ran.code == 1
    said = "rule lines and rule adds_up and what rows can come to by their ranges contradict"
    assert said in words(ran.err)
    # Real rows cannot keep them either, and what can be learned is not made to.
    data = tmp_path / "data"
    data.mkdir()
    pd.DataFrame({"id": [1, 2, 3], "total": [60, 7, 9]}).to_csv(data / "bill.csv", index=False)
    lines = pd.DataFrame({"bill_id": [1, 2, 3, 3], "amount": [9, 7, 4, 5]})
    lines.to_csv(data / "line.csv", index=False)
    (tmp_path / "one.rules").write_text(rules.format(1))
    args = ("fit", tmp_path / "one.rules", data, "-o", tmp_path / "m", "--epochs", 1)
    ran = call(synthtab.main, *args)
    assert ran.code == 1
    assert "bill.adds_up" in ran.err
    # Three lines of at most 9 each: no more than that can be asked of two bills.
    assert call(synthtab.main, *args, "--violations", "drop").code == 0
    more = ("--rows", "bill=2", "--rows", "line=9")
    ran = call(synthtab.main, "sample", tmp_path / "m", *more, "-o", tmp_path / "out")
    assert ran.code == 2
    assert "`line` cannot have 9 rows" in ran.err
    assert not (tmp_path / "out").exists()


def test_tables_that_cannot_be_mended_are_an_error_that_names_rule_and_rows(
    call: Call, shop_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def idle(given: Mapping[str, Batch], *_: object, **__: object) -> Mended:
        return Mended(given, (), {})

    monkeypatch.setattr(settling, "mend", lambda _, given, **__: idle(given))
    monkeypatch.setattr(settling, "decoded_again", lambda _, given, *__, **___: Again(given))
    args = ("sample", shop_folder / "model", "--mode", "grammar+repair", "--seed", 1)
    ran = call(synthtab.main, *args, "-o", tmp_path / "out")
    assert ran.code == 2
    assert re.search(r"orders\.total: \d+ of \d+ rows \(id \d+; id \d+", words(ran.err))
    assert list(tmp_path.iterdir()) == []


def test_rows_in_a_circle_that_nothing_can_start_are_an_error(call: Call, tmp_path: Path) -> None:
    rules = "table a { id integer key\n b_id integer -> b.id }\n"
    rules += "table b { id integer key\n a_id integer -> a.id }"
    (tmp_path / "ab.rules").write_text(rules)
    data = tmp_path / "data"
    data.mkdir()
    pd.DataFrame({"id": [1, 2], "b_id": [7, 8]}).to_csv(data / "a.csv", index=False)
    pd.DataFrame({"id": [5, 6], "a_id": [1, 2]}).to_csv(data / "b.csv", index=False)
    args = ("fit", tmp_path / "ab.rules", data, "-o", tmp_path / "m", "--violations", "drop")
    ran = call(synthtab.main, *args)
    assert ran.code == 1
    assert "no row of table `a` is left" in ran.err
    assert not (tmp_path / "m").exists()


def test_an_interrupt_leaves_no_half_directory(
    call: Call, shop_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, *_: object) -> None:
        path.write_text("half a ta")
        if path.name == "orders.csv":
            raise KeyboardInterrupt

    monkeypatch.setattr(files, "write_frame", half)
    assert call(synthtab.main, "sample", shop_folder / "model", "-o", tmp_path / "out").code == 130
    assert list(tmp_path.iterdir()) == []
