"""Untrusted text is made inert, and lines are listed below a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.system.text import listed, printable, sanitize, sanitize_output


def test_control_characters_are_replaced() -> None:
    """Escapes, bells, bidirectional marks and tabs go; line feeds and other scripts stay."""
    assert printable("a\x1b[31m\x07\u202eb\tc\nd é ✓ 日") == "a\ufffd[31m\ufffd\ufffdb\ufffdc\nd é ✓ 日"


@pytest.mark.parametrize(
    ("text", "inert"),
    [
        ("::error::x", "| ::error::x"),
        ("  ::set-output name=a::b", "  | ::set-output name=a::b"),
        ("fine\n::add-mask::x\nfine", "fine\n| ::add-mask::x\nfine"),
        ("a ::error::x", "a ::error::x"),
        ("x ##[group]y", "x # #[group]y"),
        ("##vso[task.setvariable]x", "# #vso[task.setvariable]x"),
        ("##teamcity[buildStop]", "# #teamcity[buildStop]"),
        ("## a heading [link]", "## a heading [link]"),
    ],
)
def test_workflow_commands_are_broken(text: str, inert: str) -> None:
    """No line is obeyed by GitHub, Azure or TeamCity; other text is unchanged."""
    assert sanitize(text) == inert


def test_a_programs_output_is_plain_lines() -> None:
    """Colours go, overwritten lines become lines, tabs become spaces."""
    assert (
        sanitize_output("\x1b[1;32mok\x1b[0m\r\n10%\r20%\n\ta\x1b[2J\x1b]0;b")
        == "ok\n10%\n20%\n        a\ufffd]0;b"
    )


def test_a_carriage_return_can_not_hide_a_command() -> None:
    """What a terminal would show at the start of a line is checked as one."""
    assert sanitize_output("x\r::error::y") == "x\n| ::error::y"


def test_lines_are_listed_below_a_message() -> None:
    """Only the first ones if there are many, with a count of the others."""
    assert listed(["a", 2]) == "\n  | a\n  | 2"
    assert listed(list("abcd"), 2) == "\n  | a\n  | b\n  | and 2 more"
    assert listed([], 2) == ""


@given(st.text())
def test_printable_text_controls_no_terminal(text: str) -> None:
    """Nothing but visible characters and line ends is left, and what was visible stays in its place."""
    shown = printable(text)

    assert len(shown) == len(text)
    assert all(c == "\n" or c.isprintable() for c in shown)
    assert all(a == b for a, b in zip(text, shown, strict=True) if a == "\n" or a.isprintable())
    assert printable(shown) == shown


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "\r", "\b", "\x9b31m", "\u202e", "\u2066", "\x00", "\u200b", "\x85"]
)
def test_hostile_characters_are_replaced(hostile: str) -> None:
    """Escapes, returns, and characters that change the direction of reading."""
    assert hostile[0] not in printable(f"a{hostile}b")
