"""The Edge Functions of a commit: their bundles' files, settings and digests, read from git's objects.

The files are those that the Supabase CLI uploads: the entry point and all that it imports, also from
`_shared/`; the import map and what it names; the static files. So a function counts as changed exactly
when its bundle would.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scripts.config.desk import Desk
from scripts.database.edge_functions import import_map
from scripts.database.edge_functions.import_map import ImportMap
from scripts.git.merge import MergingGit
from scripts.git.trees import read_file, read_tree

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # the API's own rule; so `_shared` is none
DENO = ("deno.json", "deno.jsonc", "import_map.json")
MOST_FILES = 5_000  # of one bundle
GLOB = re.compile(r"\*\*|\*|\?|\[!?[^\]]+\]")


@dataclass(frozen=True)
class EdgeFunction:
    """One function of a commit.

    Args:
        files: path below the repository's root -> text; bytes that are no UTF-8 are surrogates.
        entrypoint, import_map: among the files; "" where there is no import map.
        static_files: patterns, below the repository's root.
        verify_jwt: as `config.toml` says it; None where it says nothing.
    """

    name: str
    files: Mapping[str, str]
    entrypoint: str
    import_map: str = ""
    static_files: tuple[str, ...] = ()
    verify_jwt: bool | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of the files and of what `config.toml` says."""
        said = {
            "files": {name: _sha256(text) for name, text in self.files.items()},
            "entrypoint": self.entrypoint,
            "import_map": self.import_map,
            "static_files": self.static_files,
            "verify_jwt": self.verify_jwt,
        }
        return _sha256(json.dumps(said, sort_keys=True))


@dataclass(frozen=True)
class Sources:
    """All functions of a commit that are to be deployed.

    Args:
        folder: of the functions, below the repository's root.
        faults: what keeps one from being deployed, in words.
        notes: what a person may wonder about, in words.
    """

    folder: str = ""
    functions: tuple[EdgeFunction, ...] = ()
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def sources_of(desk: Desk, commit: str, project: str = "") -> Sources:
    """The functions of a commit; none where `[supabase] functions` is "", or the folder is not there.

    Args:
        project: the ref of the project; a section `[remotes.*]` of `config.toml` may be about it.

    Raises:
        Refused: the folder is, or lies in, a submodule.
        CommandFailed: a file can't be read.
    """
    folder = desk.settings.supabase.functions.strip("/")
    if not folder:
        return Sources()
    files = _Files(desk.git, commit, folder)
    if not files.own:
        return Sources(folder)
    config = posixpath.join(posixpath.dirname(folder), "config.toml")
    try:
        sections = _sections(files.text(config) or "", project)
    except ValueError as fault:
        return Sources(folder, faults=(f"`{config}` of `{commit[:12]}` can't be read: {fault}",))
    found, faults, notes = [], [], []
    for name in sorted({*files.names(), *filter(NAME.fullmatch, sections)}):
        section = sections.get(name, {})
        if section.get("enabled") is False:
            notes.append(f"`{name}` is not enabled in `{config}`")
            continue
        try:
            function = _function(files, name, section)
        except ValueError as fault:
            faults.append(f"the Edge Function `{name}`: {fault}")
            continue
        if function is None:
            notes.append(f"`{config}` names `{name}`, which has no source")
        else:
            found.append(function)
    return Sources(folder, tuple(found), tuple(faults), tuple(notes))


@dataclass
class _Files:
    """The files of a commit: those of the functions at once, others when they are asked for."""

    git: MergingGit
    commit: str
    folder: str
    others: dict[str, str | None] = field(default_factory=dict)

    @cached_property
    def own(self) -> Mapping[str, str]:
        tree = read_tree(self.git, self.commit, self.folder)
        return {f"{self.folder}/{each.name}": each.text for each in tree if each.text is not None}

    def names(self) -> Iterator[str]:
        """Folders with an entry point."""
        for path in self.own:
            name, _, rest = path.removeprefix(f"{self.folder}/").partition("/")
            if rest == "index.ts" and NAME.fullmatch(name):
                yield name

    def text(self, path: str) -> str | None:
        """The text of a file; None if there is none."""
        if path.startswith(f"{self.folder}/"):
            return self.own.get(path)
        if path.startswith("..") or "\n" in path:
            return None
        if path not in self.others:
            self.others[path] = read_file(self.git, self.commit, path)
        return self.others[path]

    def below(self, folder: str) -> list[str]:
        """The files below a folder."""
        path = folder.strip("/")
        if path == self.folder or path.startswith(f"{self.folder}/"):
            return [name for name in self.own if name.startswith(f"{path}/")]
        if path in ("", ".") or path.startswith(".."):
            return []
        tree = read_tree(self.git, self.commit, path)
        self.others |= {f"{path}/{each.name}": each.text for each in tree}
        return [f"{path}/{each.name}" for each in tree if each.text is not None]


def _sections(text: str, project: str) -> dict[str, dict[str, Any]]:
    """The sections `[functions.NAME]`, with what `[remotes.*]` of this project says on top.

    Raises:
        ValueError: it is no TOML, or a section is none.
    """
    document = tomllib.loads(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    tables = [document.get("functions", {})]
    remotes = document.get("remotes", {})
    tables += [
        remote.get("functions", {})
        for remote in (remotes.values() if isinstance(remotes, dict) else ())
        if isinstance(remote, dict) and project and remote.get("project_id") == project
    ]
    found: dict[str, dict[str, Any]] = {}
    for table in tables:
        if not isinstance(table, dict) or not all(isinstance(each, dict) for each in table.values()):
            raise ValueError("`functions` is no table of tables")
        for name, section in table.items():
            found[name] = {**found.get(name, {}), **section}
    return found


def _function(files: _Files, name: str, section: Mapping[str, Any]) -> EdgeFunction | None:
    """One function; None where its entry point is not there.

    Raises:
        ValueError: it can't be bundled.
    """
    base = posixpath.dirname(files.folder)
    jwt, static = section.get("verify_jwt"), section.get("static_files", [])
    named = [section.get(key, "") for key in ("entrypoint", "import_map")]
    texts = isinstance(static, list) and all(isinstance(each, str) for each in [*static, *named])
    if not texts or not isinstance(jwt, bool | None):
        raise ValueError(f"its section `[functions.{name}]` holds values of another kind than they must be")
    entry = _joined(base, named[0]) or f"{files.folder}/{name}/index.ts"
    if files.text(entry) is None:
        if named[0]:
            raise ValueError(f"its entry point `{entry}` is not in the commit")
        return None
    beside = [f"{posixpath.dirname(entry)}/{each}" for each in DENO]
    usual = (path for path in (*beside, f"{files.folder}/import_map.json") if files.text(path) is not None)
    chosen = _joined(base, named[1]) or next(usual, "")
    patterns = tuple(_joined(base, each) for each in static)
    bundle = _bundle(files, entry, chosen, patterns)
    root = posixpath.dirname(base)
    outside = next((path for path in bundle if root and not path.startswith(f"{root}/")), "")
    if outside:
        raise ValueError(f"it imports `{outside}`: the Supabase CLI takes no file from outside `{root}`")
    return EdgeFunction(name, bundle, entry, chosen, patterns, jwt)


def _joined(base: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(base, path)) if path else ""


def _bundle(files: _Files, entry: str, chosen: str, patterns: tuple[str, ...]) -> dict[str, str]:
    """Path -> text of every file that the CLI uploads."""
    found: dict[str, str] = {}
    mapping = _read_map(files, chosen, found) if chosen else ImportMap()
    waiting = [entry]
    for target in mapping.targets:
        if files.text(target.rstrip("/")) is not None:
            waiting.append(target)
        elif below := files.below(target):
            found |= {path: files.text(path) or "" for path in below}
        else:
            raise ValueError(f"`{chosen}` names `{target}`, which is not in the commit")
    for pattern in patterns:
        found |= {path: files.text(path) or "" for path in _matching(files, pattern)}
    _follow(files, mapping, waiting, found)
    return dict(sorted(found.items()))


def _follow(files: _Files, mapping: ImportMap, waiting: list[str], found: dict[str, str]) -> None:
    """Add the files that wait, and all that they import; what is not in the commit is passed over."""
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        text = None if path in seen else files.text(path)
        seen.add(path)
        if text is None:
            continue
        found[path] = text
        if len(found) > MOST_FILES:
            raise ValueError(f"its bundle has more than {MOST_FILES} files")
        for wanted in import_map.imports_of(text):
            target = mapping.lookup(path, wanted)
            if target.startswith(import_map.LOCAL) and "." in posixpath.basename(target):
                waiting.append(posixpath.normpath(target))


def _read_map(files: _Files, path: str, found: dict[str, str]) -> ImportMap:
    """The import map, and all maps on the way to it, which belong to the bundle as well."""
    while path and path not in found:
        text = files.text(path)
        if text is None:
            raise ValueError(f"its import map `{path}` is not in the commit")
        found[path] = text
        try:
            mapping = import_map.read(path, text)
        except ValueError as fault:
            raise ValueError(f"`{path}` can't be read: {fault}") from None
        if not mapping.refers_to:
            return mapping
        path = mapping.refers_to
    raise ValueError(f"its import maps refer to each other: `{path}`")


def _matching(files: _Files, pattern: str) -> list[str]:
    """The files that a pattern of `static_files` names."""
    if not GLOB.search(pattern):
        return [pattern] if files.text(pattern) is not None else []
    plain = pattern[: next(iter(GLOB.finditer(pattern))).start()]
    below = files.below(posixpath.dirname(plain))
    return [path for path in below if _as_expression(pattern).fullmatch(path)]


def _as_expression(pattern: str) -> re.Pattern[str]:
    """A pattern of files as a regular expression, as the CLI makes it."""
    words, position = [], 0
    known = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    for found in GLOB.finditer(pattern):
        words.append(re.escape(pattern[position : found.start()]))
        words.append(known.get(found[0]) or _as_class(found[0][1:-1]))
        position = found.end()
    return re.compile("".join(words) + re.escape(pattern[position:]))


def _as_class(letters: str) -> str:
    """`[a-c]` or `[!a-c]`, as a class of a regular expression.

    Raises:
        ValueError: it is none.
    """
    mark = "^" if letters.startswith("!") else ""
    text = f"[{mark}{letters.removeprefix('!').replace(chr(92), chr(92) * 2)}]"
    try:
        re.compile(text)
    except re.error:
        raise ValueError(f"`[{letters}]` in `static_files` is no range of characters") from None
    return text


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
