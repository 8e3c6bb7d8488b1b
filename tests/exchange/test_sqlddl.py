"""SQL that people write: what becomes a column, a rule, a note, and what is refused."""

from __future__ import annotations

import logging
from pathlib import Path

import psycopg
import pytest

from synthtab.errors import UsageError
from synthtab.exchange.imported import Imported
from synthtab.exchange.reflect import from_database
from synthtab.exchange.sqlddl import from_sql
from synthtab.lang.model import Model

POSTGRES = """
CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE public.customers (
  id SERIAL PRIMARY KEY,
  email character varying(255) NOT NULL UNIQUE,
  Name text NOT NULL,
  status varchar(10) NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'active', 'closed')),
  age int CHECK (age >= 18 AND age < 150),
  score double precision,
  feeling mood,
  created timestamptz NOT NULL DEFAULT now(),
  doc jsonb,
  balance numeric(12,2) NOT NULL DEFAULT 0,
  vat numeric(12,2) GENERATED ALWAYS AS (balance * 0.2) STORED,
  boss_id integer REFERENCES public.customers ON DELETE SET NULL,
  CONSTRAINT positive CHECK (balance > 0),
  CONSTRAINT closed_empty CHECK (status <> 'closed' OR balance = 0),
  CONSTRAINT mail CHECK (email ~* '^.+@.+$'),
  CONSTRAINT mail2 CHECK (email ~ '^[^@]+@[a-z.]+$'),
  CONSTRAINT lower_name CHECK (lower(name) = name),
  CONSTRAINT half CHECK (age / 2 > 9),
  CHECK (length(name) <= 40),
  EXCLUDE USING gist (id WITH =)
);
CREATE INDEX ON public.customers (name);
CREATE UNIQUE INDEX one_active ON public.customers (name) WHERE status = 'active';
CREATE UNIQUE INDEX low ON public.customers (lower(email));
ALTER TABLE ONLY public.customers ADD CONSTRAINT young CHECK (created >= '2000-01-01');
COMMENT ON TABLE public.customers IS 'people';
COMMENT ON CONSTRAINT positive ON public.customers IS 'Nobody''s account is empty';
CREATE VIEW v AS SELECT * FROM customers;
"""
IN_RULES = """\
table customers {
  id      integer        key
  email   text(255)      unique
  Name    text(40)
  status  enum('new', 'active', 'closed')
  age     integer        in 18 .. 149 optional
  score   decimal(18, 6) optional
  feeling enum('sad', 'ok', 'happy') optional
  created datetime
  balance decimal(12, 2)
  vat     decimal(12, 2) optional
  boss_id integer        optional -> customers.id

  rule vat_computed: vat = balance * 0.2
  rule positive "Nobody's account is empty": balance > 0
  rule closed_empty: status != 'closed' or balance = 0
  rule mail2: email matching /[^@]+@[a-z.]+/
  rule young: created >= 2000-01-01T00:00:00
  rule one_active: unique (Name) where status = 'active'
}
"""
NOTED = {
    "customers.constraint", "line 27", "line 31", "customers.doc", "customers.mail",
    "customers.lower_name", "customers.half", "customers.score", "customers.created",
}  # fmt: skip


def text(got: Imported) -> str:
    return Model.of(got.tables).to_text()


def test_postgresql_as_people_write_it() -> None:
    got = from_sql(POSTGRES, "postgresql")
    assert text(got) == IN_RULES
    assert {n.where for n in got.notes} == NOTED
    reasons = {n.where: n.reason for n in got.notes}
    assert "drops the rest of a division of whole numbers" in reasons["customers.half"]
    assert "no type for JSONB" in reasons["customers.doc"]


def test_a_live_postgresql_says_the_same(postgres_url: str) -> None:
    statements = [s for s in POSTGRES.split(";\n") if "EXCLUDE" not in s]
    statements[1:1] = [POSTGRES.split(";\n")[1].replace(",\n  EXCLUDE USING gist (id WITH =)", "")]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
    got = text(from_database(postgres_url))
    for line in IN_RULES.replace("Name", "name").splitlines():
        assert "vat_computed" in line or line in got, line


def test_mysql() -> None:
    got = from_sql(
        """CREATE TABLE `orders` (
          `id` int unsigned NOT NULL AUTO_INCREMENT,
          `state` enum('open','paid') NOT NULL DEFAULT 'open',
          `total` decimal(10,2) NOT NULL,
          `customer_id` int NOT NULL,
          PRIMARY KEY (`id`),
          UNIQUE KEY `uq` (`customer_id`,`total`),
          KEY `idx` (`total`),
          CONSTRAINT `fk` FOREIGN KEY (`customer_id`) REFERENCES `customers` (`id`),
          CONSTRAINT `orders_chk_1` CHECK ((`total` >= 0)),
          CONSTRAINT `c2` CHECK ((`total` > 0) or (`state` = 'open'))
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
        CREATE TABLE customers (id int not null primary key, name varchar(30));""",
        "mysql",
    )
    assert got.notes == ()
    assert text(got) == (
        "table orders {\n"
        "  id          integer              in 0 .. key\n"
        "  state       enum('open', 'paid')\n"
        "  total       decimal(10, 2)       in 0 ..\n"
        "  customer_id integer\n\n"
        "  rule c2: total > 0 or state = 'open'\n"
        "  rule uq: unique (customer_id, total)\n"
        "  rule fk: customer_id -> customers.id\n"
        "}\n\n"
        "table customers {\n  id   integer  key\n  name text(30) optional\n}\n"
    )


def test_sql_server() -> None:
    got = from_sql(
        "CREATE TABLE [dbo].[Emp] ([Id] INT IDENTITY(1,1) NOT NULL PRIMARY KEY,"
        " [Name] NVARCHAR(50) NOT NULL, [Pay] MONEY CHECK ([Pay] > 0), [Bits] BIT NOT NULL,"
        " [Pic] VARBINARY(MAX), CONSTRAINT [band] CHECK ([Pay] BETWEEN 10 AND 100));",
        "tsql",
    )
    assert [n.where for n in got.notes] == ["Emp.Pic"]
    assert text(got) == (
        "table Emp {\n"
        "  Id   integer        key\n"
        "  Name text(50)\n"
        "  Pay  decimal(18, 2) in 0.01 .. optional\n"
        "  Bits boolean\n\n"
        "  rule band: Pay between 10 and 100\n"
        "}\n"
    )


def test_sqlite_with_columns_of_no_type() -> None:
    got = from_sql(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b, c REAL CHECK (c >= 0 AND c <= 1),"
        " d bool CHECK (d IN (0, 1)), e DATE CHECK (e < date(a)), f INT CHECK (f / 2 = 1),"
        " g TEXT CHECK (g LIKE 'a%'), h DATE CHECK (date(h, '+1 month') > h)) WITHOUT ROWID",
        "sqlite",
    )
    assert [c.name for c in got.tables[0].columns] == list("abcdefgh")
    assert got.tables[0].column("c").hi == 10**6
    reasons = " ".join(n.reason for n in got.notes)
    for words in ("no type is declared", "drops the rest", "capitals", "into the next month"):
        assert words in reasons


@pytest.mark.parametrize(
    ("check", "rule"),
    [
        ("a + 1 > b", "a + 1 > b"),
        ("3 < a", "a > 3"),
        ("NOT a > 3 OR b > 1", "when a > 3 then b > 1"),
        ("(a > 3) = (b > 1)", "a > 3 iff b > 1"),
        ("d + INTERVAL '1 month' < e", "d + 1 months < e"),
        ("d >= CURRENT_DATE", None),
        ("t - u <= INTERVAL '2 hours'", "t - u <= 2 hours"),
        ("e - d <= 30", "e - d <= 30"),
        ("d BETWEEN '2000-01-01' AND '2020-12-31'", "d between 2000-01-01 and 2020-12-31"),
        ("EXTRACT(YEAR FROM d) = 2000", "year(d) = 2000"),
        ("s IN ('x', 'y') AND a = 1", "s in ('x', 'y') and a = 1"),
        ("s LIKE 'a\\_b'", None),
        ("s SIMILAR TO 'a'", None),
        ("s ~ 'ab'", "s matching /(?:.|\\n)*(?:ab)(?:.|\\n)*/"),
        ("s ~ '^a|b$'", None),
        ("s ~ '^\\d{3}$'", "s matching /[0-9]{3}/"),
        ("s ~ '(?=a)'", None),
        ("s < 'b'", None),
        ("COALESCE(b, 0) < a", "coalesce(b, 0) < a"),
        ("LEAST(a, b) > 0", None),
        ("LEAST(a, a + 1) > 0", "min(a, a + 1) > 0"),
        ("CASE WHEN a = 1 THEN 2 ELSE NULL END > 1", "case when a = 1 then 2 end > 1"),
        ("CASE WHEN a = 1 THEN NULL ELSE 2 END > 1", None),
        ("x IS NOT NULL", None),
        ("b IS DISTINCT FROM 3", None),
        ("random() > 0.5", None),
        ("a IN (SELECT 1)", None),
        ("a::text = '1'", None),
        ("p::integer = 1", None),
        ("f IS TRUE", None),
        ("f", "f"),
        ("f = true", "f = true"),
    ],
)
def test_conditions(check: str, rule: str | None) -> None:
    got = from_sql(
        "CREATE TABLE t (a int NOT NULL, b int, d date, e date, t timestamp, u timestamp,"
        f" s varchar(9), f boolean, p numeric(5, 2), CONSTRAINT r CHECK ({check}))",
        "postgresql",
    )
    if rule is None:
        assert [n.where for n in got.notes] == ["t.r"]
        assert not got.tables[0].rules
    else:
        assert not got.notes
        assert f"  rule r: {rule}\n" in text(got)


def test_unnamed_checks_become_declarations_where_they_are_about_one_column() -> None:
    got = from_sql(
        "CREATE TABLE t (a int, b int, c varchar(5), d text, e numeric(5,2),"
        " CHECK (a >= 1 AND b <= 2), CHECK (a <= 9), CHECK (a >= 0), CHECK (a < -1),"
        " CHECK (c IN ('x', 'x', 'y')), CHECK (length(d) <= 7 AND d ~ '^[a-z]+$'),"
        " CHECK (d IN ('x', 'q')), CHECK (e > 0.005), CHECK (e < 3))",
        "postgresql",
    )
    assert text(got) == (
        "table t {\n"
        "  a integer        in 0 .. 9 optional\n"
        "  b integer        optional\n"
        "  c enum('x', 'y') optional\n"
        "  d enum('x', 'q') optional\n"
        "  e decimal(5, 2)  in .. 2.99 optional\n\n"
        "  rule check_1: a >= 1 and b <= 2\n"
        "  rule check_2: a < -1\n"
        "  rule check_3: length(d) <= 7 and d matching /[a-z]+/\n"
        "  rule check_4: e > 0.005\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "declares no table"),
        ("SELECT 1", "declares no table"),
        ("CREATE TABLE t (a int", "line 1"),
        ("CREATE TABLE t (a int, FOREIGN KEY", "declares no table"),
        ("/* not closed", "cannot be read"),
        ("\x00", "declares no table"),
        ("CREATE TABLE t ()", "no column has a type"),
        ("CREATE TABLE t (a blob)", "has no type for"),
    ],
)
def test_bad_sql_is_refused(sql: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        from_sql(sql)


def test_unknown_dialects_and_databases_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'oracle'; known: duckdb"):
        from_sql("CREATE TABLE t (a int)", "oracle")
    for url, words in (
        ("not a url", "cannot open"),
        (f"sqlite:///{tmp_path}/no.db", "no such file"),
        ("sqlite://", "no such file"),
        ("nosuch://host/db", "cannot open nosuch://host/db"),
        ("mssql+pyodbc://host/db", r"driver pyodbc is not installed"),
        ("postgresql://me:secret@127.0.0.1:1/db", r"cannot read postgresql.*me:\*\*\*"),
    ):
        with pytest.raises(UsageError, match=words) as error:
            from_database(url)
        assert "secret" not in str(error.value)
    (tmp_path / "empty.db").write_bytes(b"")
    with pytest.raises(UsageError, match="no tables"):
        from_database(f"sqlite:///{tmp_path}/empty.db")
    (tmp_path / "text.db").write_text("this is no database, whatever it is called" * 99)
    with pytest.raises(UsageError, match="not a database"):
        from_database(f"sqlite:///{tmp_path}/text.db")


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        from_sql("CREATE TABLE t (a int); GRANT ALL ON t TO public; VACUUM", "postgresql")
    assert not caplog.records
    assert not logging.getLogger("sqlglot").disabled
