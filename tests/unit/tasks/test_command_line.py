"""The line as people type it: an environment without its flag, near misses, the list in groups."""

from __future__ import annotations

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext

import tasks
from scripts.tasks.command_line import GROUPS, MORE, grouped, no_number, problem, with_flags

CONTEXTS: dict[str, ParserContext] = {
    str(name): each for each in tasks.namespace.to_contexts() for name in (each.name, *each.aliases)
}
SUMMARIES = {str(each.name): f"What {each.name} does" for each in CONTEXTS.values()}


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("promote staging", "promote --to staging"),
        ("deploy dev --yes", "deploy --env dev --yes"),
        ("rollback production --to v3", "rollback --env production --to v3"),
        ("backup prod --json", "backup --env prod --json"),
        ("lock.show staging", "lock.show --env staging"),
        ("db.refresh staging", "db.refresh --to staging"),
        ("deploy --env dev", "deploy --env dev"),
        ("deploy --plan dev", "deploy --plan dev"),
        ("db.restore b1 --env dev", "db.restore b1 --env dev"),
        ("backmerge staging", "backmerge staging"),
        ("status history", "status history"),
        ("deploy history", "deploy history"),
        ("", ""),
    ],
)
def test_an_environment_right_after_its_task_gets_its_flag(typed: str, read: str) -> None:
    """Only there, and only where a task works on one environment; a second task stays one."""
    assert with_flags(typed.split(), CONTEXTS) == read.split()


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("promot --to staging", "there is no task `promot`", "`invoke promote --to staging`"),
        ("xyzzy", "there is no task `xyzzy`", "`invoke --list`"),
        ("deploy --evn dev", "`deploy` has no option `--evn`", "`invoke deploy --env dev`"),
        ("deploy --xyzzy", "`deploy` has no option `--xyzzy`", "`invoke deploy --help`"),
        ("deploy --env dev extra", "`deploy` takes no `extra`", "`invoke deploy --help`"),
        ("deploy --env dev statsu", "`deploy` takes no `statsu`", "`invoke deploy --help`"),
        (
            "db.restore",
            "`db.restore` needs a word after it: backup",
            "`invoke backup.list` shows them; `newest` is the newest proven one",
        ),
        ("deploy --env", "`--env` needs a value", "`invoke deploy --help`"),
        ("db restore x", "there is no task `db`", "`invoke db.restore x`"),
        ("load_test --env dev", "there is no task `load_test`", "`invoke load-test --env dev`"),
        ("loadtest", "there is no task `loadtest`", "`invoke load-test`"),
        ("Deploy --env dev", "there is no task `Deploy`", "`invoke deploy --env dev`"),
        ("help", "there is no task `help`", "`invoke --list`"),
        ("deploy -env dev", "`deploy` takes no `dev`", "`invoke deploy --env dev`"),
        ("deploy --dry-run", "`deploy` has no option `--dry-run`", "`invoke deploy --plan`"),
        ("status --dry-run", "`status` has no option `--dry-run`", "`invoke status --help`"),
        ("deploy --enviroment dev", "`deploy` has no option `--enviroment`", "`invoke deploy --env dev`"),
        ("promote --env dev", "`promote` has no option `--env`", "`invoke promote --to dev`"),
        ("status --env dev", "`status` has no option `--env`", "`invoke status --help`"),
    ],
)
def test_what_is_typed_wrongly_is_named_with_what_was_meant(typed: str, message: str, hint: str) -> None:
    """A usage error: exit code 2, and nothing was started."""
    with pytest.raises(ParseError) as caught:
        Parser(tasks.namespace.to_contexts(), initial=ParserContext()).parse_argv(typed.split())
    error = problem(caught.value, CONTEXTS, typed.split())

    assert (error.message, error.hint, error.code) == (message, hint, 2)


def test_every_task_is_in_one_group_and_the_six_come_first() -> None:
    """A new task needs a place in the list."""
    listed = [name for names in GROUPS.values() for name in names]
    lines = list(grouped(SUMMARIES, 80))

    assert len(listed) == len({*listed})
    assert set(SUMMARIES) <= set(listed)
    assert not any(MORE in line for line in lines)
    assert [line.split()[0] for line in lines[1:7]] == [
        *("deploy", "promote", "rollback", "backup", "test-e2e", "load-test")
    ]


def test_no_line_is_broken_in_a_word() -> None:
    """At 80 columns and on a phone; a task of the app's own is listed, too."""
    lines = [*grouped({**SUMMARIES, "mine": "word " * 40}, 60)]

    assert max(map(len, lines)) <= 60
    assert "  mine              word word word word word word word ..." in lines


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("load-test --env dev --users abc", "`--users` takes a number, not `abc`"),
        ("load-test --rate=fast", "`--rate` takes a number, not `fast`"),
        ("history -n x", "`-n` takes a number, not `x`"),
    ],
)
def test_a_number_that_is_none_is_named(typed: str, message: str) -> None:
    """A usage error with its option; no traceback."""
    words = typed.split()
    with pytest.raises(ValueError, match=r"invalid literal|could not convert"):
        Parser(tasks.namespace.to_contexts(), initial=ParserContext()).parse_argv(words)

    assert no_number(words, CONTEXTS) == message
