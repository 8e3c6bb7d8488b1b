"""synthtab's commands on several tables in databases: sampled into one, and loaded into one."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from command_line import Call, words
from shop import orphan, shop, write_shop

from synthtab.cli import rulecheck, synthtab


def test_what_a_database_refuses_is_said_with_how_to_find_it(
    call: Call, shop_folder: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(shop_folder / "real", data)
    lines = (data / "orders.csv").read_text().splitlines()
    (data / "orders.csv").write_text("\n".join([*lines, lines[-1]]) + "\n")
    url, rules = f"sqlite:///{tmp_path}/x.db", shop_folder / "shop.rules"
    ran = call(synthtab.main, "load", data, url, "--rules", rules)
    assert ran.code == 1
    assert "UNIQUE constraint failed: orders.id" in words(ran.err)
    hint = "nothing was loaded; every row that breaks a rule is listed by"
    assert f"{hint}: rulecheck validate {rules} {data}" in words(ran.err)
    assert not (tmp_path / "x.db").exists()


def test_a_database_takes_the_sampled_tables_under_its_own_constraints(
    call: Call, shop_folder: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    args = ("sample", shop_folder / "model", "--seed", 1, "-o", url)
    ran = call(synthtab.main, *args)
    assert ran.code == 0
    assert "rules enforced" in ran.out
    assert "no constraint looks at other rows" in ran.out
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        assert database.execute("select count(*) from customer").fetchone() == (40,)
        assert database.execute("pragma foreign_key_check").fetchall() == []
    ran = call(synthtab.main, *args)
    assert ran.code == 2
    assert "--replace" in ran.err
    assert call(synthtab.main, *args, "--replace").code == 0
    assert call(rulecheck.main, "validate", shop_folder / "shop.rules", url).code == 0


def test_load_puts_files_into_a_database(call: Call, shop_folder: Path, tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path}/shop.duckdb"
    args = ("load", shop_folder / "real", url, "--rules", shop_folder / "shop.rules")
    report = json.loads(call(synthtab.main, *args, "--json").out)
    assert report["rows"] == {name: len(frame) for name, frame in shop().items()}
    left = {f"{u['table']}.{u['rule']}": u["broken"] for u in report["unenforced"]}
    assert left["orders.total"] == 0
    assert left["orders.mostly_paid"] > 0
    # Without rules, the tables are as the files look.
    ran = call(synthtab.main, "load", shop_folder / "real", f"sqlite:///{tmp_path}/plain.db")
    assert ran.code == 0
    assert "loaded:" in ran.out


def test_load_tells_of_rules_that_only_queries_see(
    call: Call, shop_folder: Path, tmp_path: Path
) -> None:
    tables = shop()
    tables["orders"].loc[0, "total"] += 1
    folder = write_shop(tmp_path, tables)
    args = (folder / "real", f"sqlite:///{tmp_path}/x.db", "--rules", folder / "shop.rules")
    ran = call(synthtab.main, "load", *args)
    assert ran.code == 1
    assert "NO" in ran.out
    assert (tmp_path / "x.db").exists()


def test_load_of_rows_that_break_a_constraint_leaves_nothing(call: Call, tmp_path: Path) -> None:
    tables = shop()
    orphan(tables)
    folder = write_shop(tmp_path, tables)
    args = (folder / "real", f"sqlite:///{tmp_path}/x.db", "--rules", folder / "shop.rules")
    ran = call(synthtab.main, "load", *args)
    assert ran.code == 1
    assert "FOREIGN KEY" in ran.err
    assert not (tmp_path / "x.db").exists()
