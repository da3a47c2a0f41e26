"""The pages that are made never get old: they are what the code declares."""

from __future__ import annotations

from tests.support import task_page


def test_the_page_of_tasks_is_what_the_code_declares() -> None:
    """After a change of a task or an option it has to be written again."""
    same = task_page.page() == task_page.PAGE.read_text()

    assert same, "`docs/tasks.md` is old: `python -m tests.support.task_page` writes it"


def test_the_table_of_benches_is_what_the_code_declares() -> None:
    """After a change of a bench it has to be written again."""
    same = task_page.speed() == task_page.SPEED.read_text()

    assert same, "`docs/speed.md` is old: `python -m tests.support.task_page` writes it"
