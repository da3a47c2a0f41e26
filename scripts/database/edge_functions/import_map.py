# pure
"""Import maps and import statements, as the Supabase CLI reads them to find the files of a bundle.

Facts (read in the CLI's 3.1.0 and tried with it): it finds imports by a pattern, substitutes them by the
longest fitting key of the import map, passes over what is no relative path or has no dot in its last
part, and uploads every file below a folder that the map names. A `deno.json` without `imports` and
`scopes` may refer to another map.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from scripts.system.documents import parse_json

STATEMENT = re.compile(
    r"""(?:import|export)\s+(?:type\s+)?(?:{[^{}]+}|.*?)\s*(?:from)?\s*['"](.*?)['"]"""
    r"""|import\(\s*(?:"([^"\r\n]*)"|'([^'\r\n]*)')\s*[,)]""",
    re.IGNORECASE,
)
QUOTE = re.compile("['\"]")
WORD = re.compile(r"import|export", re.IGNORECASE)
MOST_STATEMENTS = 4_000  # of a file; more are generated code, which imports at its top
LONGEST_STATEMENT = 4_000  # characters
STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*(?:.*?\*/|.*)', re.DOTALL)
LAST_COMMA = re.compile(r'("(?:\\.|[^"\\\n])*")|,(?=\s*[}\]])')
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
LOCAL = "./"  # begins a path below the repository's root, once it is resolved


@dataclass(frozen=True)
class ImportMap:
    """What imports mean; local targets are resolved: `./` and a path below the repository's root."""

    imports: Mapping[str, str] = field(default_factory=dict)
    scopes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    refers_to: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """The files and folders that it names, below the repository's root."""
        found = [
            *self.imports.values(),
            *(each for scope in self.scopes.values() for each in scope.values()),
        ]
        return tuple(sorted({each.removeprefix(LOCAL) for each in found if each.startswith(LOCAL)}))

    def lookup(self, importer: str, wanted: str) -> str:
        """What an import of a file means; itself where the map says nothing of it."""
        where = LOCAL + importer
        fitting = [
            key for key in self.scopes if key == where or (key.endswith("/") and where.startswith(key))
        ]
        of_scope = _longest(self.scopes[max(fitting, key=len)], wanted) if fitting else None
        found = of_scope or _longest(self.imports, wanted)
        if found is not None:
            return found
        if wanted.startswith(("./", "../")):
            return resolved(importer, wanted)
        return wanted


def _longest(known: Mapping[str, str], wanted: str) -> str | None:
    """By the longest key: the same word, or a folder that the word begins with."""
    keys = [
        key
        for key, target in known.items()
        if key == wanted or (key.endswith("/") and target.endswith("/") and wanted.startswith(key))
    ]
    best = max(filter(None, keys), key=len, default=None)
    return None if best is None else known[best] + wanted[len(best) :]


def resolved(file: str, target: str) -> str:
    """A target that stands in a file: an address as it is, a path below the repository's root."""
    if target.startswith("/") or ADDRESS.match(target):
        return target
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
    return LOCAL + path + ("/" if target.endswith("/") else "")


def read(file: str, text: str) -> ImportMap:
    """An import map, or a `deno.json` with one in it, at this path below the repository's root.

    Raises:
        ValueError: it is none.
    """
    document = without_comments(text)
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - the same fault as JSON that is none
    imports = _words(document.get("imports"), "imports")
    scopes = document.get("scopes") or {}
    if not isinstance(scopes, dict):
        raise ValueError("its `scopes` are no object")  # noqa: TRY004 - as above
    other = document.get("importMap")
    is_deno = posixpath.basename(file).lower() in ("deno.json", "deno.jsonc")
    refers = isinstance(other, str) and is_deno and not imports and not scopes
    return ImportMap(
        {key: resolved(file, value) for key, value in imports.items()},
        {
            resolved(file, key): {name: resolved(file, value) for name, value in _words(each, key).items()}
            for key, each in scopes.items()
        },
        posixpath.normpath(posixpath.join(posixpath.dirname(file), str(other))) if refers else "",
    )


def _words(value: Any, name: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError(f"its `{name}` are no object of texts")
    return value


def without_comments(text: str) -> Any:
    """The document of a JSON text that may hold comments, and commas before a closing bracket.

    Raises:
        ValueError: it is no such text.
    """
    plain = STRING_OR_COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    try:
        return parse_json(LAST_COMMA.sub(lambda found: found[1] or "", plain).lstrip("\ufeff"))
    except json.JSONDecodeError as fault:
        raise ValueError(f"it is no JSON: {fault.msg} in line {fault.lineno}") from None


def imports_of(text: str) -> Iterator[str]:
    """What a source file imports or exports from, as it stands there."""
    end = 0
    for word in islice(WORD.finditer(text), MOST_STATEMENTS):
        limit = word.start() + LONGEST_STATEMENT
        if word.start() < end or not QUOTE.search(text, word.start(), limit):
            continue
        found = STATEMENT.match(text, word.start(), limit)
        if found:
            end = found.end()
            yield next(each for each in found.groups() if each is not None).strip()
