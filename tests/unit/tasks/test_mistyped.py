"""Near misses: what was typed wrongly is named, with the line as it was meant."""

from __future__ import annotations

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext

import tasks
from scripts.tasks.mistyped import no_number, problem

CONTEXTS: dict[str, ParserContext] = {
    str(name): each for each in tasks.namespace.to_contexts() for name in (each.name, *each.aliases)
}


DEV = "`invoke deploy --env dev`"


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("promot --to staging", "there is no task `promot`", "`invoke promote --to staging`"),
        ("xyzzy", "there is no task `xyzzy`", "`invoke --list`"),
        ("deploy --evn dev", "`deploy` has no option `--evn`", "`invoke deploy --env dev`"),
        ("deploy --xyzzy", "`deploy` has no option `--xyzzy`", "`invoke deploy --help`"),
        (
            "deploy \u2014env dev",
            "`\u2014env` begins with a long dash, not with `--`",
            "`invoke deploy --env dev`",
        ),
        ("deploy env dev", "`deploy` takes no `env`", "`invoke deploy --env dev`"),
        ("deploy env=dev", "`deploy` takes no `env=dev`", "`invoke deploy --env=dev`"),
        ("deploy help", "`deploy` takes no `help`", "`invoke deploy --help`"),
        ("deploy --plan dev", "`deploy` takes no `dev`", "`invoke deploy --plan --env dev`"),
        ("deploy --env dev --no-plan", "`deploy` has no option `--no-plan`", "`invoke deploy --env dev`"),
        ("check --no-test", "`check` has no option `--no-test`", "`invoke check --no-tests`"),
        ("history -5", "`history` has no option `-5`", "`invoke history -n 5`"),
        ("promote --from a --to b", "`promote` has no option `--from`", "`invoke promote --help`"),
        ("--json status", "there is no option `--json` before the task", "`invoke status --json`"),
        ("--env dev deploy", "there is no option `--env` before the task", "`invoke deploy --env dev`"),
        ("invoke deploy", "there is no task `invoke`", "`invoke deploy`"),
        ("help deploy", "there is no task `help`", "`invoke deploy --help`"),
        ("backups", "there is no task `backups`", "`invoke backup.list`"),
        ("restore", "there is no task `restore`", "`invoke db.restore --help`"),
        ("monitor", "there is no task `monitor`", "`invoke --list monitor`"),
        ("test -k", "`-k` needs a value", "`invoke test --help`"),
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
