"""A database's address, taken apart."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.postgres.url import Database, parse_database
from scripts.errors import ConfigError
from scripts.system.secret import Secret


def read(url: str, password: str | None = None) -> Database:
    """The address as a test's `.env` file gives it."""
    return parse_database(url, password, where="`.env.test`", folder=Path(__file__).parent)


def test_a_plain_address() -> None:
    """Every part is found, and TLS is demanded."""
    found = read("postgresql://ada:secret-pw@db.example.org:5433/app")

    assert Database("db.example.org", 5433, "app", "ada", Secret("secret-pw"), "require") == found


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_what_is_left_out_is_libpqs_default(scheme: str) -> None:
    """User and port have the defaults of a Supabase database."""
    found = read(f"{scheme}://db.example.org/postgres")

    assert ("postgres", 5432, "") == (found.user, found.port, found.password.reveal())


SPECIAL = "p@ss:w/o?r#d%[] é&=+"


def test_special_characters_are_decoded() -> None:
    """A password, a user and a name of any characters come out as they are."""
    special = quote(SPECIAL, safe="")
    found = read(f"postgresql://{special}:{special}@h/{special}")

    assert (SPECIAL, SPECIAL, SPECIAL) == (found.user, found.password.reveal(), found.name)


def test_a_password_of_its_own_wins_and_is_taken_as_it_is() -> None:
    """`DATABASE_PASSWORD` is no part of an address: nothing in it is decoded."""
    assert "a%20b" == read("postgresql://u:other@h/d", "a%20b").password.reveal()


@pytest.mark.parametrize(
    ("url", "host", "shown"),
    [
        (
            "postgresql://u:secret-pw@[2001:db8::1]:5433/d",
            "2001:db8::1",
            "postgresql://u@[2001:db8::1]:5433/d",
        ),
        ("postgresql://u:secret-pw@[::1]/d", "::1", "postgresql://u@[::1]:5432/d"),
        ("postgresql://u:secret-pw@127.0.0.1/d", "127.0.0.1", "postgresql://u@127.0.0.1:5432/d"),
    ],
)
def test_ip_addresses(url: str, host: str, shown: str) -> None:
    """IPv6 has brackets in an address and none as a host."""
    assert (host, shown) == ((found := read(url)).host, found.url)


@pytest.mark.parametrize(
    ("url", "sslmode"),
    [
        ("postgresql://h.example/d", "require"),
        ("postgresql://127.0.0.1/d", "prefer"),
        ("postgresql://localhost/d", "prefer"),
        ("postgresql://[::1]/d", "prefer"),
        ("postgresql://127.0.0.1.example/d", "require"),
        ("postgresql://h.example/d?sslmode=verify-full", "verify-full"),
        ("postgresql://127.0.0.1/d?sslmode=disable", "disable"),
    ],
)
def test_tls_is_demanded_but_on_loopback(url: str, sslmode: str) -> None:
    """What the address says wins; otherwise only loopback may do without."""
    assert sslmode == read(url).sslmode


def test_libpq_and_the_cli_get_the_rest_as_variables() -> None:
    """Password and TLS travel in the environment."""
    beside = f"sslmode=verify-full&sslrootcert={Path(__file__).name}"
    with_root = read(f"postgresql://u:secret-pw@h/d?{beside}").environment

    assert {"PGPASSWORD": "secret-pw", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": __file__} == with_root
    assert {"PGPASSWORD": "secret-pw", "PGSSLMODE": "require"} == read(
        "postgresql://u:secret-pw@h/d"
    ).environment


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=20))
def test_the_address_never_shows_the_password(password: str) -> None:
    """Any password comes out whole, and neither `.url` nor `repr` shows it."""
    found = read(f"postgresql://ada:{quote('q~' + password, safe='')}@db.example.org/app")

    assert "q~" + password == found.password.reveal()
    assert "postgresql://ada@db.example.org:5432/app" == found.url
    assert "q~" not in repr(found)


@given(st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_user_and_name_survive_the_address(text: str) -> None:
    """What `.url` says is what a client reads from it."""
    found = Database("h", 5432, text, text, Secret(""), "require")
    parts = urlsplit(found.url)

    assert (text, text) == (unquote(parts.username or ""), unquote(parts.path[1:]))


REFUSED = [
    ("", "should begin with"),
    ("db.example.org", "should begin with"),
    ("mysql://hidden-pw@h/d", "should begin with"),
    ("postgresql://", "should name a host and a database"),
    ("postgresql://u:hidden-pw@h", "should name a host and a database"),
    ("postgresql://u:hidden-pw@h/", "should name a host and a database"),
    ("postgresql:///hidden-pw", "should name a host and a database"),
    ("postgresql://u:hidden-pw@h:port/d", "can't be read as an address"),
    ("postgresql://u:hidden-pw@h:99999/d", "can't be read as an address"),
    ("postgresql://u:hidden-pw@[h/d", "can't be read as an address"),
    ("postgresql://u:hidden-pw#x@h/d", "has to be URL-encoded"),
    ("postgresql://u:hidden-pw/x@h:5432/d", "has to be URL-encoded"),
    ("postgresql://u:hidden-pw?x@h/d", "has to be URL-encoded"),
    ("postgres://u.ref:hidden-pw[x]@h/d", "has to be URL-encoded"),
    ("postgresql://u:[YOUR-PASSWORD]@db.x.supabase.co:5432/postgres", "still has the placeholder"),
    ("postgresql://u:hidden-pw@h:6543/d", "transaction pooler"),
    ("postgresql://u:hidden-pw@h:6543/d?sslmode=require", "transaction pooler"),
    ("postgresql://u:hidden-pw@h/d?sslmode=hidden-pw", "`sslmode` is one of"),
    ("postgresql://u:hidden-pw@h/d?sslmode=", "`sslmode` is one of"),
    ("postgresql://u:hidden-pw@h/d?sslrootcert=hidden-pw.pem", "`sslrootcert` names no file"),
]


@pytest.mark.parametrize(("url", "why"), REFUSED)
def test_what_can_not_be_used_is_refused_unseen(url: str, why: str) -> None:
    """The reason is said, the source is named, and nothing of the text is shown, not even as a cause."""
    with pytest.raises(ConfigError) as caught:
        read(url)
    fault = caught.value
    shown = f"{fault} {fault.hint} {fault.__cause__}"

    assert why in fault.message
    assert "`DATABASE_URL` of `.env.test` can't be used" in fault.message
    assert "hidden-pw" not in shown
    assert fault.__suppress_context__ or fault.__context__ is None


@pytest.mark.parametrize("password", ["12/hidden-pw", "1?hidden-pw", "12/hidden-pw@x"])
def test_a_password_that_was_not_encoded_is_not_taken_for_a_name(password: str) -> None:
    """A `/` in a password splits the address elsewhere: what follows it is not shown as a name."""
    try:
        shown = read(f"postgresql://ada:{password}@db.example.org/app").url
    except ConfigError as fault:
        shown = fault.message

    assert "hidden-pw" not in shown


@given(st.text(max_size=30))
def test_any_text_is_refused_or_read(text: str) -> None:
    """Whatever is in place of an address is refused as a fault, or names a host and a database."""
    try:
        found = read(f"postgresql://{text}")
    except ConfigError:
        return

    assert found.host
    assert found.name
