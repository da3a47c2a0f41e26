"""What runs in a transaction with others, what ends one, and what a fingerprint sees."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scripts.database.migrations.statements import fingerprint, transaction_control, unfit


@pytest.mark.parametrize(
    ("sql", "held"),
    [
        ("drop table a; alter table b drop c", None),
        ("begin; drop table a; commit", "begin"),
        ("drop table a; COMMIT", "commit"),
        ("start transaction read only", "start transaction read"),
        ("rollback", "rollback"),
        ("savepoint a", "savepoint a"),
        ("drop index concurrently a", "drop index concurrently"),
        ("create unique index concurrently a on b(c)", "create unique index"),
        ("vacuum full a", "vacuum full a"),
        ("alter system set a = 1", "alter system set"),
        ("do $$ begin delete from a; commit; end $$", "a `commit` or `rollback` in a `do` block"),
        ("do $$ begin perform 1; end $$", None),
        ("-- commit\nselect 'commit; begin'", None),
        ("create function f() returns int begin atomic select 1; end", None),
        ("create table commits(a int)", None),
        ("", None),
    ],
)
def test_what_keeps_a_script_out_of_a_transaction(sql: str, held: str | None) -> None:
    """Transaction control, and what PostgreSQL refuses inside of one."""
    assert unfit(sql) == held


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("create table a();\n\nCOMMIT;\r\nBEGIN;\n", [(3, "commit"), (4, "begin")]),
        ("start transaction isolation level serializable", [(1, "start transaction isolation")]),
        (
            "-- x\nsavepoint a; rollback to a; release a",
            [(2, "savepoint a"), (2, "rollback to a"), (2, "release a")],
        ),
        ("end; abort; rollback", [(1, "end"), (1, "abort"), (1, "rollback")]),
        ("prepare transaction 'x'", [(1, "prepare transaction 'x'")]),
        ("\\echo x;\ncommit", [(2, "commit")]),
        ("do $$ begin commit; end $$", []),
        ("create function f() returns int begin atomic select 1; end; select 'commit;'", []),
    ],
)
def test_what_ends_the_transaction_of_a_file_is_found(sql: str, found: list[tuple[int, str]]) -> None:
    """With its line, also beside what the parser can't read."""
    assert list(transaction_control(sql)) == found


WORDS = st.sampled_from(
    [
        "create",
        "table",
        "hosts",
        "E1",
        "e",
        "x",
        "$1",
        "42",
        "(",
        ")",
        ",",
        "=",
        "::",
        "->>",
        "like",
        "*",
        "é",
    ]
)
INNER = st.text(st.sampled_from(list("ab ;-/*\n\t")), max_size=8)
QUOTES = st.one_of(
    INNER.map(lambda text: f"'{text}'"),
    INNER.map(lambda text: f"'{text}''s'"),
    INNER.map(lambda text: f'"{text}"'),
    INNER.map(lambda text: f"E'{text}\\''"),
    INNER.map(lambda text: f"$${text}$$"),
    INNER.map(lambda text: f"$body$ '{text} $$ $body$"),
)
TOKENS = st.lists(st.one_of(WORDS, QUOTES), min_size=1, max_size=12)
IDLE = st.sampled_from(
    [
        " ",
        "\n",
        "\t",
        "\r\n",
        " ; ",
        ";\n",
        "\n-- a 'comment' $$ /*\n",
        " /* a ' \" $$ -- */ ",
        "/* a /* b */ ' */",
    ]
)
GAPS = st.lists(IDLE, min_size=1, max_size=3).map(lambda parts: " " + "".join(parts))


@given(TOKENS, st.data())
def test_what_does_nothing_changes_nothing(tokens: list[str], data: st.DataObject) -> None:
    """Comments, white space and semicolons outside of quotes leave the fingerprint as it is."""
    gaps = [data.draw(GAPS) for _ in range(len(tokens) + 1)]
    decorated = gaps[0] + "".join(token + gap for token, gap in zip(tokens, gaps[1:], strict=True))

    assert fingerprint(" ".join(tokens)) == fingerprint(decorated)


@given(TOKENS, st.integers(0, 11), st.one_of(WORDS, QUOTES))
def test_another_token_changes_it(tokens: list[str], place: int, token: str) -> None:
    """A word or a quote that is replaced by another one gives another fingerprint."""
    place %= len(tokens)
    edited = [*tokens[:place], token, *tokens[place + 1 :]]
    assume("".join(tokens) != "".join(edited))

    assert fingerprint(" ".join(tokens)) != fingerprint(" ".join(edited))


@given(TOKENS, st.integers(0, 11))
def test_a_token_more_or_less_changes_it(tokens: list[str], place: int) -> None:
    """A word or quote that was taken out is missed."""
    place %= len(tokens)
    shorter = [*tokens[:place], *tokens[place + 1 :]]

    assert fingerprint(" ".join(tokens)) != fingerprint(" ".join(shorter))


QUOTED = [
    "'{}'",
    '"{}"',
    "E'{}'",
    "e'\\'{}'",
    "$${}$$",
    "$body${}$body$",
    "'it''s {}'",
    '"a""{}"',
    "$é${}$é$",
]


@pytest.mark.parametrize("quote", QUOTED)
@given(before=INNER, after=INNER)
def test_every_edit_inside_a_quote_changes_it(quote: str, before: str, after: str) -> None:
    """Inside of quotes, white space, semicolons and what looks like a comment count."""
    assume(before != after)

    assert fingerprint(f"select {quote.format(before)}") != fingerprint(f"select {quote.format(after)}")


@given(st.text())
def test_any_text_has_a_fingerprint(text: str) -> None:
    """Text that is no SQL at all is read to its end without a complaint."""
    assert len(fingerprint(text)) == 64


@given(st.text(st.sampled_from(list("'\"$eE\\-/*\na;")), max_size=60))
def test_any_quotes_have_a_fingerprint(text: str) -> None:
    """Quotes and comments that never end are read to their end."""
    assert len(fingerprint(text)) == 64


@given(st.binary())
def test_bytes_that_are_no_utf8_have_a_fingerprint(raw: bytes) -> None:
    """The text of a file in another encoding, as git_objects gives it, is no fault."""
    assert len(fingerprint(raw.decode("utf-8", "surrogateescape"))) == 64


LONG = 30_000
NASTY = [
    "'",
    '"',
    "e'\\",
    "e'",
    "$a$",
    "/*",
    "*/",
    "--",
    "''",
    "'a'",
    "\\'",
    "$$",
    "$",
    "'\"",
    "/*'",
    "e'\\''",
    "a$a",
]


@pytest.mark.parametrize("part", NASTY)
def test_a_long_text_is_fingerprinted_quickly(part: str) -> None:
    """No text makes the reading slow: a megabyte of dumps is not unheard of."""
    started = time.monotonic()

    for text in (part * LONG, part * LONG + "'", "'" + part * LONG, '"' + part * LONG):
        fingerprint(text)

    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("recorded", "file"),
    [
        ("create table a ();create index on a (b)", "create table a ();\n\ncreate index on a (b);\n"),
        ("select 1", "\ufeff-- first\nselect 1;"),
        ("select 1", "select 1 /* one /* two */ one */"),
        ("do $$ begin; end $$", "do $$ begin; end $$;"),
        ("select '--', '/*', ';'", "select '--', -- text\n '/*', ';' ;"),
        ("select a like'x' and b", "select a like 'x' and b"),
        ("select a=b,c", "select a = b , c"),
        ("select 'a' ; select 'b;'", "select 'a';\nselect 'b;';\n"),
    ],
)
def test_what_the_cli_recorded_agrees_with_its_file(recorded: str, file: str) -> None:
    """However the CLI cut the file, the fingerprint is the same."""
    assert fingerprint(recorded) == fingerprint(file)


@pytest.mark.parametrize(
    ("applied", "edited"),
    [
        ("select 'a'", "select 'a '"),
        ("select 'a--b'", "select 'a'"),
        ("select $$ a; b $$", "select $$ a b $$"),
        ("select $a$ -- x\n$a$", "select $a$\n$a$"),
        ("alter table a add b int", "alter table a add b text"),
        ("select E'\\'' -- 'x'", "select E'\\'' , 'x'"),
        ("drop table a", "-- drop table a"),
        ("select 1 /* /* */ + 1 */", "select 1 /* /* */ */ + 1"),
    ],
)
def test_an_edit_of_anything_that_runs_shows(applied: str, edited: str) -> None:
    """A change that the database would notice gives another fingerprint."""
    assert fingerprint(applied) != fingerprint(edited)


@pytest.mark.parametrize(
    ("applied", "edited"),
    [
        ("create table a_b (c int)", "create table a _b (c int)"),
        ("select 1 2", "select 12"),
        ("select 'a''b'", "select 'a'\n'b'"),
        ("drop table if exists a", "drop table ifexists a"),
    ],
)
def test_white_space_that_parts_two_words_counts(applied: str, edited: str) -> None:
    """Two words are not one word: gluing them together is an edit."""
    assert fingerprint(applied) != fingerprint(edited)


def test_a_word_that_ends_in_e_opens_no_escape_string() -> None:
    """A word like `like` right before a quote makes no escape string of it."""
    plain = "select a like'x\\' , b , 'c  d'"

    assert fingerprint(plain) == fingerprint("select a like'x\\',b,/* note */'c  d'")
    assert fingerprint(plain) != fingerprint("select a like'x\\' , b , 'c d'")


def test_a_dollar_inside_a_name_opens_no_quote() -> None:
    """PostgreSQL takes `a$b$c` for a name, so what follows is outside of quotes."""
    assert fingerprint("select a$b$c , 1 -- note") == fingerprint("select a$b$c,1")
