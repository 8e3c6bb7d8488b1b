"""``rulecheck repair``: what it changes, tells and writes, for one table and for several."""

from __future__ import annotations

import json
import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from command_line import Call

from synthtab.cli import rulecheck

STAFF = """
table staff {
  id       integer in 1 .. 999 key
  grade    enum('junior', 'senior')
  salary   decimal(8, 2) in 0 .. 100_000
  `left on` date optional
  rule senior_pay "Seniors earn more": when grade = 'senior' then salary >= 1000
  rule left_after: `left on` > 2020-01-01
}
"""
BANK = """
table account {
  id     integer key
  kind   enum('saver', 'current')
  fee    decimal(4, 2) in 0 .. 5
  closed boolean
  rule fees: fee = case when kind = 'saver' then 1.50 else 3 end
}
table booking {
  account_id integer -> account.id
  seq        integer
  amount     decimal(8, 2) in 0.01 ..
  balance    decimal(8, 2)
  key (account_id, seq)
  rule numbered: gap_free(seq) per account_id
  rule runs: balance = (previous(balance, 0) per account_id ordered by seq) + amount
}
table colour {
  name enum('red', 'blue') key
}
"""
ACCOUNT = "id,kind,fee,closed\n1,saver,9.50,false\n2,saver,1.50,false\n"
BOOKING = """account_id,seq,amount,balance
1,1,10,10
1,2,20,31
1,3,5,35
2,1,1,1
2,2,1,2
2,3,1,3
"""
COLOUR = "name\nred\nblue\nred\n"
TABLES = {"account": ACCOUNT, "booking": BOOKING, "colour": COLOUR}
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def staff(tmp_path: Path) -> Path:
    """Return a rules file beside 49 rows, of which the last ten break two rules each."""
    rows = [(at, "junior", "500.00", None) for at in range(1, 40)]
    rows += [(at, "senior", "10.00", "2019-01-01") for at in range(40, 50)]
    frame = pd.DataFrame(rows, columns=["id", "grade", "salary", "left on"])
    frame.to_csv(tmp_path / "staff.csv", index=False)
    (tmp_path / "staff.rules").write_text(STAFF)
    return tmp_path / "staff.rules"


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the arguments for three tables in the current directory."""
    monkeypatch.chdir(tmp_path)
    Path("bank.rules").write_text(BANK)
    for name, text in TABLES.items():
        Path(f"{name}.csv").write_text(text)
    return ["bank.rules", *(f"{name}={name}.csv" for name in TABLES)]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_one_table_is_mended_and_healthy_rows_are_left_alone(call: Call, staff: Path) -> None:
    path, out = staff.parent / "staff.csv", staff.parent / "mended.csv"
    ran = call(rulecheck.main, "repair", staff, path, "-o", out, "--seed", "1", "--json")
    assert ran.code == 0
    report = json.loads(ran.out)
    assert (report["rows"], report["rows_broken"], report["rows_changed"]) == (49, 10, 10)
    assert (report["written"], report["left"]) == (str(out), [])
    assert sum(report["cells_changed"].values()) == len(report["changes"])
    assert call(rulecheck.main, "validate", staff, out).code == 0
    before, after = pd.read_csv(path, dtype=str), pd.read_csv(out, dtype=str)
    for change in report["changes"]:
        row, column = change["row"] - 1, change["column"]
        assert str(before.loc[row, column]) == str(change["old"])
        after.loc[row, column] = before.loc[row, column]
    assert before.equals(after)


def test_a_seed_gives_the_same_again(call: Call, staff: Path) -> None:
    args = ("repair", staff, staff.parent / "staff.csv", "--seed", "7", "-o")
    call(rulecheck.main, *args, staff.parent / "one.csv")
    call(rulecheck.main, *args, staff.parent / "two.csv")
    assert (staff.parent / "one.csv").read_bytes() == (staff.parent / "two.csv").read_bytes()


def test_each_change_is_told_with_its_reason(call: Call, staff: Path) -> None:
    args = ("repair", staff, staff.parent / "staff.csv", "--dry-run")
    changes = json.loads(call(rulecheck.main, *args, "--json").out)["changes"]
    reasons = {(c["row"], rule) for c in changes for rule in c["rules"]}
    assert reasons == {(r, n) for r in range(40, 50) for n in ("senior_pay", "left_after")}
    told = call(rulecheck.main, *args).out
    assert "Changed cells, the first 10 of 20" in told
    assert re.search(r"^senior_pay +10$", told, re.M)
    assert re.search(r"^left on +10$", told, re.M)


def test_a_dry_run_tells_the_same_and_writes_no_table(call: Call, staff: Path) -> None:
    path, out, report = (staff.parent / n for n in ("staff.csv", "m.csv", "changes.csv"))
    before = files(staff.parent)
    ran = call(
        rulecheck.main, "repair", staff, path, "-o", out, "--dry-run", "--json", "--report", report
    )
    assert ran.code == 0
    assert files(staff.parent).keys() - before.keys() == {"changes.csv"}
    told = json.loads(ran.out)
    assert told["written"] is None
    wet = json.loads(call(rulecheck.main, "repair", staff, path, "-o", out, "--json").out)
    assert wet["changes"] == told["changes"]


@pytest.mark.parametrize("name", ["changes.csv", "changes.parquet"])
def test_the_report_has_every_changed_cell(call: Call, staff: Path, name: str) -> None:
    report = staff.parent / name
    args = ("repair", staff, staff.parent / "staff.csv", "--dry-run", "--json", "--report", report)
    told = json.loads(call(rulecheck.main, *args).out)["changes"]
    read = pd.read_csv(report, dtype=str) if name.endswith("csv") else pd.read_parquet(report)
    assert list(read.columns) == ["table", "row", "column", "old", "new", "rules"]
    found = [
        {
            **record,
            "row": int(record["row"]),
            "new": None if pd.isna(record["new"]) else record["new"],
            "rules": record["rules"].split("; "),
        }
        for record in read.to_dict("records")
    ]
    assert found == told


def test_at_most_so_many_cells_are_changed_and_the_rest_is_listed(call: Call, staff: Path) -> None:
    path, out = staff.parent / "staff.csv", staff.parent / "m.csv"
    ran = call(rulecheck.main, "repair", staff, path, "-o", out, "--max-cells", 4, "--json")
    assert ran.code == 1
    report = json.loads(ran.out)
    assert 0 < len(report["changes"]) <= 4
    left = [(rule["rule"], row) for rule in report["left"] for row in rule["rows"]]
    assert set(left) <= {(n, r) for r in range(40, 50) for n in ("senior_pay", "left_after")}
    assert len(left) == 20 - len(report["changes"])
    assert report["written"] == str(out)
    again = json.loads(call(rulecheck.main, "validate", staff, out, "--json").out)
    assert sum(rule["violated"] for rule in again["rules"]) == len(left)


def test_several_tables_go_into_a_directory(call: Call, bank: list[str]) -> None:
    ran = call(rulecheck.main, "repair", *bank, "-o", "mended", "--json")
    assert ran.code == 1  # three rows, two colours
    report = json.loads(ran.out)
    assert sorted(os.listdir("mended")) == ["account.csv", "booking.csv", "colour.csv"]
    assert [t["written"] for t in report["tables"]] == [f"mended/{name}.csv" for name in TABLES]
    assert report["left"] == [{"table": "colour", "rule": "name_key", "rows": [3]}]
    cells = {(c["table"], c["row"], c["column"]): (c["old"], c["new"]) for c in report["changes"]}
    assert cells == {
        ("account", 1, "fee"): ("9.50", "1.50"),
        ("booking", 2, "balance"): ("31.00", "30.00"),
    }
    assert Path("mended/colour.csv").read_text() == COLOUR
    paths = [f"{name}=mended/{name}.csv" for name in TABLES]
    found = json.loads(call(rulecheck.main, "validate", "bank.rules", *paths, "--json").out)
    assert [t["rows"] - t["valid_rows"] for t in found["tables"]] == [0, 0, 1]


def test_what_is_said_on_the_terminal(call: Call, bank: list[str]) -> None:
    ran = call(rulecheck.main, "repair", *bank, "-o", "mended")
    golden = GOLDEN / "repair.txt"
    if os.environ.get("SYNTHTAB_UPDATE_GOLDEN"):
        golden.write_text(ran.out, "utf-8")
    assert ran.out == golden.read_text("utf-8")
    assert ran.err == ""


def test_files_that_are_there_are_replaced_and_others_stay(call: Call, bank: list[str]) -> None:
    Path("mended").mkdir()
    Path("mended/account.csv").write_text("old")
    Path("mended/other.txt").write_text("mine")
    call(rulecheck.main, "repair", *bank, "-o", "mended")
    assert Path("mended/account.csv").read_text().startswith("id,kind")
    assert Path("mended/other.txt").read_text() == "mine"


def test_rules_that_need_tables_not_given_are_named_and_what_they_read_is_kept(
    call: Call, bank: list[str]
) -> None:
    args = ("repair", "bank.rules", "booking=booking.csv", "-o", "m.csv")
    ran = call(rulecheck.main, *args)
    assert ran.code == 0
    assert "not checked: account_id_reference: it needs table account" in ran.out
    assert "not changed for their sake: booking.account_id" in ran.out
    Path("booking.csv").write_text(BOOKING.replace("1,2,20,31", "2,2,20,31"))
    report = json.loads(call(rulecheck.main, *args, "--json").out)
    assert "account_id" not in report["cells_changed"]
    assert report["unchecked"][0]["name"] == "account_id_reference"


@contextmanager
def room(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("given", ["one", "several"])
def test_without_room_nothing_is_written(
    call: Call, staff: Path, bank: list[str], given: str
) -> None:
    args = [staff, staff.parent / "staff.csv", "-o", "m.csv"]
    if given == "several":
        Path("account.csv").write_text("id,kind,fee,closed\n" + "1,saver,9.50,false\n" * 100)
        args = [*bank, "-o", "mended"]
    before = files(Path.cwd())
    with room(64):
        ran = call(rulecheck.main, "repair", *args)
    assert ran.code == 2
    assert "cannot write" in ran.err
    assert "too large" in ran.err
    assert files(Path.cwd()) == before
    assert not Path("mended").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            ["-o", "out.csv"],
            "out.csv: 3 tables are written, each to its own file",
        ),
        (["-o", "account.csv"], "account.csv: 3 tables are written"),
        (["-o", "bank.rules"], "bank.rules: it is a file, not a directory"),
        (["-o", "none/there"], "there is no directory"),
        ([], "say where the mended table goes: -o FILE, or --dry-run"),
        (["-o", "out", "--max-cells", "0"], "--max-cells"),
        (["-o", "out", "--budget", "0"], "--budget"),
        (
            ["-o", "out", "--report", "changes.xlsx"],
            "changes.xlsx: the name must end in one of",
        ),
        (["-o", "out", "--report", "none/x.csv"], "there is no directory none"),
        (["desk=desk.csv", "-o", "out"], "the tables are `account`, `booking`, `colour`"),
        (["account=account.csv", "-o", "out"], "two files are given for table `account`"),
    ],
)
def test_wrong_use_is_one_message_and_changes_nothing(
    call: Call, bank: list[str], args: list[str], words: str
) -> None:
    before = files(Path.cwd())
    ran = call(rulecheck.main, "repair", *bank, *args)
    assert ran.code == 2
    assert words in " ".join(ran.err.split())
    assert files(Path.cwd()) == before
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no such file"),
        (b"", "the file is empty"),
        (b"id,kind,fee\n1,saver,1\n", "column 'closed' is missing"),
        (b"id,kind,fee,closed\n1,golden,1,false\n", "'golden' in row 1; accepted: 'saver'"),
        (b"id,kind,fee,closed\n1,saver,1\n", "another number of fields"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_data_that_cannot_be_read_change_nothing(
    call: Call, bank: list[str], text: bytes | None, words: str
) -> None:
    if text is None:
        Path("account.csv").unlink()
    else:
        Path("account.csv").write_bytes(text)
    before = files(Path.cwd())
    ran = call(rulecheck.main, "repair", *bank, "-o", "mended")
    assert ran.code == 2
    assert words in ran.err
    assert files(Path.cwd()) == before


def test_all_files_appear_or_none(call: Call, bank: list[str]) -> None:
    Path("mended/booking.csv").mkdir(parents=True)
    Path("mended/account.csv").write_text("old")
    ran = call(rulecheck.main, "repair", *bank, "-o", "mended")
    assert ran.code == 2
    assert "booking.csv is a directory" in ran.err
    assert Path("mended/account.csv").read_text() == "old"
    assert sorted(os.listdir("mended")) == ["account.csv", "booking.csv"]
