"""The last line of a test run: how many tests were skipped, and what gets what they lack."""

from __future__ import annotations

from tests.support.skips import reason, summary


def test_nothing_skipped_says_nothing() -> None:
    """No line at all."""
    assert summary([]) is None


def test_packages_become_one_command() -> None:
    """Each package once, then the commands of other tools; skips that no command fixes are counted."""
    reasons = [
        reason("sshd", "apt-get install openssh-server postgresql-15"),
        reason("a browser", "apt-get install chromium-headless-shell"),
        reason("sshd", "apt-get install openssh-server"),
        reason("a CLI", "npm install x"),
        "not on this system",
    ]

    assert summary(reasons) == (
        "5 tests were skipped; to run them too:"
        " apt-get install chromium-headless-shell openssh-server postgresql-15 && npm install x"
    )


def test_without_a_command_the_reasons_are_named() -> None:
    """They are printed above the line."""
    assert summary(["not on this system"]) == "1 tests were skipped, for the reasons above"
