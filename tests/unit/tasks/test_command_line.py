"""The list of the tasks, in groups."""

from __future__ import annotations

from invoke.parser.context import ParserContext

import tasks
from scripts.tasks.command_line import GROUPS, MORE, grouped

CONTEXTS: dict[str, ParserContext] = {
    str(name): each for each in tasks.namespace.to_contexts() for name in (each.name, *each.aliases)
}
SUMMARIES = {str(each.name): f"What {each.name} does" for each in CONTEXTS.values()}


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


def test_no_summary_is_cut_at_80_columns() -> None:
    """A sentence without its end says less than a shorter one."""
    summaries = {str(name): str(tasks.namespace[name].__doc__).partition(": `")[0] for name in SUMMARIES}

    assert [line for line in grouped(summaries, 80) if line.endswith("...")] == []
