"""The page of the tasks never gets old: it is what the requests declare."""

from __future__ import annotations

from tests.support import task_page


def test_the_page_of_tasks_is_what_the_code_declares() -> None:
    """After a change of a task or an option it has to be written again."""
    same = task_page.page() == task_page.PAGE.read_text()

    assert same, "`docs/tasks.md` is old: `python -m tests.support.task_page` writes it"
