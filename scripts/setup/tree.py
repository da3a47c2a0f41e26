# pure
"""The files of an app's checkout as `init` reads them: their names and texts."""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

COMMENTS = re.compile(r"/\*.*?\*/|(?<![:\"'`\w/])//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Tree:
    """The files of a checkout; paths begin at its top and have `/` between folders.

    Args:
        read: the text of a file; "" for one that can't be read, or is too long.
    """

    files: frozenset[str]
    read: Callable[[str], str]

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Tree:
        """From texts by their paths."""
        return cls(frozenset(texts), lambda name: texts.get(name, ""))

    def first(self, folder: str, *names: str) -> str:
        """The path of the first of these files that a folder has; "" for none."""
        return next((path for name in names if (path := join(folder, name)) in self.files), "")

    def config(self, folder: str, stem: str) -> str:
        """The path of `<stem>.config.ts` in a folder, or of its relatives; "" for none."""
        return self.first(folder, *(f"{stem}.{end}" for end in ("ts", "js", "mjs", "mts", "cjs", "cts")))

    def code(self, path: str) -> str:
        """A JavaScript or TypeScript text without its comments."""
        return COMMENTS.sub("", self.read(path)) if path else ""

    def json(self, path: str) -> dict[str, Any]:
        """The object in a JSON file, comments allowed; {} if there is none."""
        for text in (self.read(path), self.code(path)) if path in self.files else ():
            try:
                content = json.loads(text)
            except (ValueError, RecursionError):
                continue
            return content if isinstance(content, dict) else {}
        return {}

    def toml(self, path: str) -> dict[str, Any]:
        """The table in a TOML file; {} if there is none, or it can't be read."""
        try:
            return tomllib.loads(self.read(path)) if path in self.files else {}
        except (ValueError, RecursionError):
            return {}

    def below(self, folder: str) -> Iterator[str]:
        """The paths of a folder and of those below it."""
        return (path for path in sorted(self.files) if not folder or path.startswith(f"{folder}/"))


def join(folder: str, name: str) -> str:
    """A path below a folder; "" is the top."""
    return posixpath.normpath(posixpath.join(folder, name)) if folder else posixpath.normpath(name)


def above(folder: str) -> Iterator[str]:
    """A folder, then those above it, the top (`""`) last."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def table(value: object) -> dict[str, Any]:
    """A value that should be a table; {} for anything else."""
    return value if isinstance(value, dict) else {}
