"""The verdict: what older code lives with, what it does not, and what destroys data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.migrations.judge import Judge
from scripts.database.migrations.verdict import NOT_BACK, Lint, Verdict, judge, losses
from scripts.database.sql.schema import Schema
from tests.support.verdicts import EARLIER, STATEMENTS

SAMPLE = Path(__file__).parents[4] / "scripts/sandbox/sample_app/supabase/migrations"
DESTRUCTIVE = [sql for word, sql in STATEMENTS if word == "irreversible"]
ALLOWED = 0.05  # of the compatible ones: called something else


def verdict(sql: str, *, script: bool = False) -> Verdict:
    """The verdict after the earlier migrations."""
    knowing = Judge(Schema())
    knowing.learn([EARLIER])
    return judge(sql, script, (), knowing)


def test_the_figures_of_the_known_statements() -> None:
    """No destructive statement is called compatible; few compatible ones are called something else."""
    found = [(word, verdict(sql).word, sql) for word, sql in STATEMENTS]
    missed = [each for each in found if each[0] == "irreversible" and each[1] == "compatible"]
    over = [each for each in found if each[0] == "compatible" and each[1] != "compatible"]
    under = [each for each in found if each[0] == "breaking" and each[1] == "compatible"]
    share = len(over) / sum(word == "compatible" for word, _, _ in found)
    figures = f"{len(missed)} destructive called compatible, {len(over)} over-called ({share:.1%})"
    print(f"\n{len(found)} statements: {figures}, {len(under)} breaking called compatible")  # noqa: T201

    assert len(found) >= 240
    assert missed == []
    assert under == []
    assert share <= ALLOWED


@pytest.mark.parametrize(("word", "sql"), STATEMENTS)
def test_each_known_statement_has_its_verdict(word: str, sql: str) -> None:
    """It says why; a script makes it reversible, and the reasons say that lost data stays lost."""
    alone, paired = verdict(sql), verdict(sql, script=True)

    assert alone.word == word, alone.reasons
    assert paired.word == ("compatible" if word == "compatible" else "reversible")
    assert alone.reasons or word == "compatible"
    assert (NOT_BACK in paired.reasons) == (word == "irreversible")


WRAPPINGS = (
    "explain analyze {}",
    "do $do$ begin {}; end $do$",
    "do $do$ begin if true then {}; end if; end $do$",
    "do $do$ begin begin {}; exception when others then null; end; end $do$",
    "create function w() returns void language plpgsql as $w$ begin {}; end $w$; select w()",
    "create procedure w() language plpgsql as $w$ begin {}; end $w$; call w()",
    "do $do$ begin execute $x$ {} $x$; end $do$",
    "select 1; {}; select 'x;'",
    "/* a /* b */ ; */ {} -- ;\n",
    "prepare p as {}; execute p",
    "\ufeff{};\r\n",
    "create table other (a int);\n\n{}",
    "with w as ({} returning 1) select * from w",
    "copy ({} returning 1) to stdout",
)
CORES = (
    "delete from public.messages",
    "DELETE FROM ONLY messages",
    "update public.messages set body = 'x' where id > 0",
    'update "public"."messages" set "body" = $$;$$',
    "insert into public.messages values (1, 'x') on conflict (id) do update set body = 'y'",
)


@given(st.sampled_from(CORES), st.lists(st.sampled_from(WRAPPINGS), max_size=3), st.booleans())
def test_no_wrapping_makes_a_destructive_statement_compatible(
    core: str, wrappings: list[str], upper: bool
) -> None:
    """Whatever is put round it, and wherever; what PostgreSQL itself would refuse may be anything else."""
    sql = core.upper() if upper and '"' not in core else core
    for number, wrapping in enumerate(wrappings):
        for quote in ("$do$", "$w$", "$x$"):
            wrapping = wrapping.replace(quote, f"{quote[:-1]}{number}$")  # noqa: PLW2901
        sql = wrapping.replace(" w()", f" w{number}()").replace("{}", sql)

    assert verdict(sql).word != "compatible", sql


@pytest.mark.parametrize("sql", DESTRUCTIVE[:60])
def test_line_ends_and_a_byte_order_mark_change_nothing(sql: str) -> None:
    """As an editor on Windows writes it."""
    assert verdict("\ufeff" + sql.replace("; ", ";\r\n") + "\r\n").word == "irreversible"


SAMPLES = {
    "20260105090000": ("compatible", ""),
    "20260112143000": ("breaking", "row level security on `profiles`"),
    "20260126101500": ("breaking", "a trigger on `auth.users`"),
    "20260209160000": ("compatible", ""),
    "20260223083000": ("compatible", ""),
}


def test_the_sample_app_is_judged() -> None:
    """Its migrations are those of a real app, each a release of its own."""
    knowing = Judge(Schema())
    for file in sorted(SAMPLE.glob("*.sql")):
        found = judge(file.read_text(), False, (), knowing)
        knowing.schema.settle()
        word, reason = SAMPLES[file.name.split("_")[0]]

        assert (file.name, found.word) == (file.name, word), found.reasons
        assert reason in str(found)


def test_the_worst_is_said_first() -> None:
    """Who reads one reason reads the weightiest."""
    reasons = judge("create or replace view v as select 1; drop view w; drop table t", False).reasons

    assert (reasons[0][6:15], reasons[1][6:14]) == ("table `t`", "view `w`")


def test_another_body_is_shown() -> None:
    """What replaces a function or a view is compatible, and the reasons carry what differs."""
    made = "create or replace function public.harmless(n int) returns int language sql immutable"
    found = verdict(f"{made} as 'select n + 2'")

    assert found.word == "compatible"
    assert "replaces `harmless()`:" in found.reasons[0]
    assert found.reasons[0].splitlines()[1:] == ["    -select n + 1", "    +select n + 2"]


def test_findings_of_another_reader_count_where_the_parser_can_not_read() -> None:
    """Elsewhere PostgreSQL's own parser decides."""
    lint = Lint("ban-x", 2, "may break")

    assert judge("select 1;\nselect 2", False, [lint]).word == "compatible"
    assert "squawk, line 2: ban-x" in judge("select 1;\nfrobnicate x", True, [lint]).reasons


def test_an_empty_file_harms_nobody() -> None:
    """Nothing is done, nothing is to be undone."""
    assert str(judge("-- later\n", False)) == "compatible"
    assert losses("") == ()


def test_a_script_says_what_it_destroys() -> None:
    """In words, each loss once."""
    assert losses("drop table t; alter table u drop column a; drop view v") == (
        "drops table `t`: its rows are lost",
        "drops column `u.a`: its values are lost",
    )


@given(st.text(max_size=80), st.booleans())
def test_any_text_has_a_verdict(text: str, paired: bool) -> None:
    """No text is too odd, and what is not known is never compatible by accident."""
    found = judge(text, paired)

    assert found.stays or found.reasons


def test_the_line_is_that_of_the_statement_that_decides() -> None:
    """A CI job puts the verdict there."""
    assert judge("-- first\ncreate table t (a int);\n\ndrop table\n  old;\n", False).line == 4
    assert judge("", False).line == 1
