"""The words of the line: bare ones get their flags, odd ones are refused."""

from __future__ import annotations

import pytest
from invoke.parser.context import ParserContext

import tasks
from scripts.tasks.line import fault, wants_json, with_flags

CONTEXTS: dict[str, ParserContext] = {
    str(name): each for each in tasks.namespace.to_contexts() for name in (each.name, *each.aliases)
}


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
        ("backmerge staging", "backmerge --from staging"),
        ("rollback production v3", "rollback --env production --to v3"),
        ("rollback v3 --env production", "rollback --to v3 --env production"),
        ("deploy dev 403f229", "deploy --env dev --sha 403f229"),
        ("deploy dev staging", "deploy --env dev staging"),
        ("deploy env=dev", "deploy env=dev"),
        ("deploy help", "deploy help"),
        ("history 5", "history --limit 5"),
        ("load-test staging steady", "load-test --env staging --profile steady"),
        ("load-test steady", "load-test --profile steady"),
        ("freeze staging 2h", "freeze --env staging --until 2h"),
        ("env.diff staging production", "env.diff --from staging --to production"),
        ("db.restore b1 staging", "db.restore b1 --env staging"),
        ("hotfix hotfix/x", "hotfix --branch hotfix/x"),
        ("status x", "status x"),
        ("status history", "status history"),
        ("deploy history", "deploy history"),
        ("", ""),
    ],
)
def test_an_environment_right_after_its_task_gets_its_flag(typed: str, read: str) -> None:
    """Only there, and only where a task works on one environment; a second task stays one."""
    assert with_flags(typed.split(), CONTEXTS) == read.split()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("deploy --env dev --env staging", "`--env` stands twice on the line"),
        ("deploy -e dev --env dev", "`--env` stands twice on the line"),
        ("deploy --env=", "`--env` has an empty value: give it one, or leave it out"),
        ("deploy --env dev --plan=no", "`--plan` takes no value: it is on where it stands"),
        ("load-test --users 0", "`--users` takes a number above 0, not `0`"),
        ("load-test --rate=nan", "`--rate` takes a number above 0, not `nan`"),
        ("load-test --seconds -5", "`--seconds` takes a number above 0, not `-5`"),
        (f"deploy {'x' * 5000}", "a word of 5000 characters: `xxxxxxxxxxxxxxxxxxxx...`"),
        ("deploy --sha \udce9", "a word on the line is not in UTF-8"),
    ],
)
def test_what_invoke_would_guess_at_is_refused(typed: str, said: str) -> None:
    """It takes the last of two values, an empty one, and the number 0 for none at all."""
    found = fault(typed.split(" "), CONTEXTS)

    assert found is not None
    assert (found.message, found.code) == (said, 2)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "xyzzy",
        "deploy --env dev --yes --yes",
        "status --json history --json",
        "history -n 0",
        "test -k x",
    ],
)
def test_what_can_be_read_is_no_fault(typed: str) -> None:
    """Also a line that is refused later, by who knows why."""
    assert fault(typed.split(), CONTEXTS) is None


@pytest.mark.parametrize(
    ("typed", "wanted"), [("a --json", True), ("a -yj", True), ("a json --yes", False)]
)
def test_a_document_is_wanted_whatever_else_is_wrong(typed: str, wanted: bool) -> None:
    """A program reads standard output also of a line with a mistake."""
    assert wants_json(typed.split()) is wanted
