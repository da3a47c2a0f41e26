"""Every command of the desk in the texts of `scripts/`, read from their source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.desks import ROOT

CORE = {"--list", "--help"}  # Invoke's own, which every task has
BLANK = "\0"  # stands for what is only known when it is printed
# `invoke x` in backticks, or what was typed with one option more; and a text that is a command as a whole
IN_BACKTICKS = re.compile(r"`(?:invoke |(?=\0 --))([^`]+)`")
WHOLE = re.compile(r"invoke ([a-z\0][^`]*)")


@dataclass(frozen=True)
class Command:
    """One command in a text.

    Args:
        place: `file:line`.
        words: after `invoke`, with `BLANK` for what is only known later.
    """

    place: str
    words: str

    @property
    def shape(self) -> str:
        """Task and options, without values: `promote --to --retry`."""
        return " ".join(word for word in self.words.split()[:1] + sorted(self._flags()))

    def _flags(self) -> set[str]:
        return {word.partition("=")[0] for word in self.words.split()[1:] if word.startswith("--")}


@cache
def commands() -> list[Command]:
    """All of them; those of docstrings are for `--help`, and tested there."""
    found = []
    for file in sorted((ROOT / "scripts").rglob("*.py")):
        if "sample_app" not in file.parts and "invoke" in file.read_text():
            found += [each for each in _of_file(file) if not CORE & set(each.words.split())]
    return found


def _of_file(file: Path) -> Iterator[Command]:
    tree = ast.parse(file.read_text())
    docs, parts = set[int](), set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docs.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            parts |= {id(each) for each in node.values}
    for node in ast.walk(tree):
        if id(node) not in docs | parts and (text := _text(node)):
            for words in _commands_in(text):
                yield Command(f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", words)


def _text(node: ast.AST) -> str:
    """The text of a literal, with a blank for each value that is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            each.value if isinstance(each, ast.Constant) and isinstance(each.value, str) else BLANK
            for each in node.values
        )
    return ""


def _commands_in(text: str) -> Iterator[str]:
    found = IN_BACKTICKS.findall(text)
    if not found and (match := WHOLE.fullmatch(text)):
        found = [match[1]]
    yield from (" ".join(words.split()) for words in found)
