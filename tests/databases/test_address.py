"""What an argument names, and that no password in it is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtab.databases.address import Address, hidden, is_url, parse_address
from synthtab.errors import UsageError

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "url", "schema", "table"),
    [
        ("sqlite:///a.db", "sqlite:///a.db", None, None),
        ("sqlite:///a.db#t", "sqlite:///a.db", None, "t"),
        ("sqlite:///a#b.db#t", "sqlite:///a#b.db", None, "t"),
        ("postgresql://u@h/d#s.t", "postgresql://u@h/d", "s", "t"),
        ("postgresql://u@h/d#s.", "postgresql://u@h/d", "s", None),
        ("postgresql://u@h/d#", "postgresql://u@h/d", None, None),
        ("postgresql://u@h/d#a%2Eb.my%20table", "postgresql://u@h/d", "a.b", "my table"),
        ("postgresql://u:p#q@h/d", "postgresql://u:p#q@h/d", None, None),
        ("postgresql://u:p#q@h/d#t", "postgresql://u:p#q@h/d", None, "t"),
    ],
)
def test_a_fragment_names_schema_and_table(
    text: str, url: str, schema: str | None, table: str | None
) -> None:
    assert parse_address(text) == Address(url, schema, table)


@given(NAMES, st.none() | NAMES)
def test_an_address_can_be_given_as_it_is_shown(table: str, schema: str | None) -> None:
    address = Address("postgresql://u@h/d", schema, table)
    assert parse_address(str(address)) == address


@given(st.text(st.characters(codec="ascii", exclude_characters="*#"), min_size=3, max_size=12))
def test_no_password_is_shown(noise: str) -> None:
    secret = f"<{noise}>"
    url = f"postgresql://user:{secret}@host/db"
    assert hidden(url) == "postgresql://user:***@host/db"
    assert secret not in repr(Address(url))
    assert secret not in Address(url).scrubbed(f"refused: '{secret}' is wrong")


@pytest.mark.parametrize("key", ["password", "sslpassword", "PWD", "api_token", "client_secret"])
def test_nor_one_among_the_options(key: str) -> None:
    url = f"postgresql://h/d?a=1&{key}=geheim&b=2"
    assert hidden(url) == f"postgresql://h/d?a=1&{key}=***&b=2"


def test_a_message_keeps_words_that_contain_the_password() -> None:
    address = Address("postgresql://u:a%20@h/d")
    assert address.scrubbed("a failed a ") == "a failed ***"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sqlite://", "names no database"),
        ("postgresql://#t", "names no database"),
        ("postgresql://h/d#a.b.c", "SCHEMA.TABLE"),
        ("postgresql://h/d#.t", "SCHEMA.TABLE"),
        ("postgresql://u:ge@heim@h/d", "%40"),
        ("data.csv", "is no database URL"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        parse_address(text)
    assert "heim" not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["data.csv", "C:/data.csv", "C://data.csv", "a:b", "/x//y", "t=sqlite:///x.db"]
)
def test_files_are_no_urls(text: str) -> None:
    assert not is_url(text)
