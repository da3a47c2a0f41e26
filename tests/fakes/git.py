"""A git remote in memory, with compare-and-swap and atomic pushes, and clones of it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.errors import CommandFailed, Refused
from scripts.git.chain import Link, link_of
from scripts.git.client import Commit, StaleError
from scripts.git.command import Update
from scripts.git.files import TreeFile
from scripts.git.history import Dated, Row
from scripts.git.merge import MergeResult
from scripts.system.secret import redact, redacted

SHOWN = ("refs/heads/", "refs/deploy/")  # what the desk asks a remote for


@dataclass(frozen=True)
class FakeCommit:
    """A commit: its parents, its files by path, and its line of the log."""

    id: str
    parents: tuple[str, ...]
    files: Mapping[str, str]
    author: str
    at: str
    subject: str


@dataclass
class FakeRemote:
    """The remote that all clones share.

    Args:
        before_push: called with the updates of each push before it is applied; may raise, or move refs.
    """

    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, FakeCommit] = field(default_factory=dict)
    trees: dict[str, dict[str, str]] = field(default_factory=dict)
    before_push: Callable[[Sequence[Update]], None] = lambda _updates: None
    pushes: list[tuple[Update, ...]] = field(default_factory=list)
    guard: threading.RLock = field(default_factory=threading.RLock)

    def commit(
        self, files: Mapping[str, str], *parents: str, author: str = "Ada", subject: str = "work"
    ) -> str:
        """Add a commit; files that are not named are those of the first parent. Returns its id."""
        kept = dict(self.commits[parents[0]].files) if parents else {}
        return self.add({**kept, **files}, parents, author, subject)

    def add(self, files: Mapping[str, str], parents: tuple[str, ...], author: str, subject: str) -> str:
        """Add a commit with exactly these files; the subject is the first paragraph of the message."""
        subject = " ".join(subject.strip().partition("\n\n")[0].splitlines())
        with self.guard:
            number = len(self.commits)
            text = json.dumps([number, sorted(files.items()), parents, author, subject])
            made = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
            at = f"2024-01-01T00:{number // 60 % 60:02}:{number % 60:02}+00:00"
            self.commits[made] = FakeCommit(made, parents, dict(files), author, at, subject)
            return made

    def apply(self, updates: Sequence[Update]) -> None:
        """Move all refs or none."""
        with self.guard:
            self.before_push(updates)
            if any(self.refs.get(update.ref) != update.old for update in updates):
                if all(self.refs.get(update.ref) == update.new for update in updates):
                    return
                raise StaleError(dict(self.refs))
            for update in updates:
                if update.new is None:
                    self.refs.pop(update.ref, None)
                else:
                    self.refs[update.ref] = update.new
            self.pushes.append(tuple(updates))


@dataclass(eq=False)
class FakeGit:
    """A clone of the app; it stands in for `MergingGit`."""

    origin: FakeRemote
    folder: Path = Path("/app")
    remote: str = "origin"
    name: str = "Ada"
    fetched: dict[str, str] = field(default_factory=dict)
    trusts: dict[str, str] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)

    def ls_remote(self) -> dict[str, str]:
        """The remote's branches and deploy refs now."""
        with self.origin.guard:
            self.questions.append("ls-remote")
            return {ref: sha for ref, sha in self.origin.refs.items() if ref.startswith(SHOWN)}

    def hold_line(self) -> None:
        """There is no connection."""

    def drop_line(self) -> None:
        """There is no connection."""

    def hold_objects(self) -> None:
        """There is no program."""

    def lagging(self) -> dict[str, tuple[str, ...]]:
        """There is one address alone."""
        return {}

    def fetch_ahead(self, refs: Iterable[str]) -> None:
        """All objects are at hand."""

    def fetch(
        self,
        wanted: Iterable[str],
        listed: Mapping[str, str] | None = None,
        ahead: Future[None] | None = None,
    ) -> dict[str, str]:
        """All objects are at hand; what was wanted is remembered."""
        refs = dict(listed or self.ls_remote())
        self.fetched.update({ref: refs[ref] for ref in wanted if ref in refs})
        return refs

    def push(self, updates: Sequence[Update]) -> None:
        """Move all refs or none, each only from `update.old`."""
        self.origin.apply(updates)
        for update in updates:
            if update.new and update.ref.startswith("refs/heads/"):
                self.fetched[update.ref] = update.new

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`."""
        return old in self._reachable(new)

    def resolve(self, revision: str, refs: Mapping[str, str]) -> str:
        """A branch of the remote, or a commit id."""
        found = refs.get(f"refs/heads/{revision}", revision)
        matches = [commit for commit in self.origin.commits if commit.startswith(found)]
        if len(found) < 4 or len(matches) != 1:
            raise Refused(f"`{revision}` is no commit of this repository", f"`git fetch {self.remote}`")
        return matches[0]

    def log(self, new: str, without: str | None, limit: int = 200) -> list[Commit]:
        """The commits of `new` that `without` lacks, newest first."""
        found = [self.origin.commits[each] for each in self._without(new, without)][:limit]
        return [Commit(each.id, each.author, each.at, each.subject) for each in found]

    def user_name(self) -> str:
        """The person's name."""
        return self.name

    def commit_json(
        self, file: str, document: Mapping[str, Any], subject: str, parent: str | None, *others: str
    ) -> str:
        """A commit that holds one JSON file."""
        text = json.dumps(redacted(document))
        parents = tuple(each for each in (parent, *others) if each)
        return self.origin.add({file: text}, parents, "desk", redact(subject))

    def chain(self, tip: str, file: str) -> list[Link]:
        """Each commit from the first to `tip`, along first parents."""
        links: list[Link] = []
        seen = set[str]()
        for each in list(self._first_parents(tip))[::-1]:
            links.append(self._link(each, file))
            text = self.origin.commits[each].files.get(file)
            if text in seen:
                links[-1] = Link(
                    each, links[-1].parents, fault=f"its `{file}` is that of an earlier commit"
                )
            seen.add(text or "")
        return links

    def chain_after(self, tip: str, file: str, after: str) -> list[Link] | None:
        """The commits that follow one; None where it is not in the chain."""
        links = self.chain(tip, file)
        places = [place for place, link in enumerate(links, 1) if link.commit == after]
        return links[places[0] :] or None if places else None

    def blob(self, name: str) -> bytes | None:
        """No file is kept by its id."""
        assert name
        return None

    def cache_folder(self) -> Path | None:
        """Nothing is kept."""
        return None

    def document(self, name: str, file: str) -> Link:
        """The JSON file of a commit."""
        return replace(self._link(name, file), parents=())

    def _link(self, name: str, file: str) -> Link:
        commit = self.origin.commits.get(name)
        text = commit.files.get(file) if commit else None
        parents = commit.parents if commit else ()
        if text is None:
            return Link(name, parents, fault=f"it holds no file `{file}`")
        return link_of(name, parents, file, text)

    def trusted(self, ref: str) -> str | None:
        """What was trusted last, else what was fetched last."""
        return self.trusts.get(ref) or self.fetched.get(ref)

    def trust(self, ref: str, commit: str) -> None:
        """Remember it."""
        self.trusts[ref] = commit

    def read_tree(self, commit: str, folder: str) -> tuple[TreeFile, ...]:
        """Every file below a folder of a commit."""
        if commit not in self.origin.commits:
            raise CommandFailed(f"`git` ended with 128: {commit} is not here")
        files, path = self.origin.commits[commit].files, folder.strip("/") + "/"
        return tuple(
            TreeFile(name.removeprefix(path), files[name])
            for name in sorted(files)
            if name.startswith(path)
        )

    def paths(self, commit: str) -> list[str]:
        """The path of every file of a commit, in order."""
        return sorted(self.origin.commits[commit].files)

    def read_file(self, commit: str, path: str) -> str | None:
        """The text of one file of a commit."""
        return self.origin.commits[commit].files.get(path)

    def require_merge_tree(self) -> None:
        """It can merge."""

    def merge_tree(self, into: str, other: str) -> MergeResult:
        """A three-way merge, file by file; files that both sides changed are conflicts."""
        mine, theirs = (self.origin.commits[each].files for each in (into, other))
        common = next((each for each in self._newest_first(into) if self.is_ancestor(each, other)), None)
        if common is None:
            raise CommandFailed("refusing to merge unrelated histories")
        base = self.origin.commits[common].files
        merged: dict[str, str] = {}
        conflicts = []
        for path in sorted({*mine, *theirs}):
            ours, yours, was = mine.get(path), theirs.get(path), base.get(path)
            kept = yours if ours == was else ours
            if was not in (ours, yours) and ours != yours:
                conflicts.append(path)
            if kept is not None:
                merged[path] = kept
        return MergeResult(self._tree(merged), tuple(conflicts))

    def merge_commit(self, tree: str, into: str, other: str, message: str) -> str:
        """A merge commit of that tree."""
        return self.origin.add(self.origin.trees[tree], (into, other), self.name, message)

    def commit_file(self, parent: str, path: str, text: str, message: str) -> str:
        """A commit on top of `parent` in which one file has this text."""
        return self.origin.commit({path: text}, parent, author=self.name, subject=message)

    def commit_files(self, files: Mapping[str, tuple[str, Path]], message: str) -> str:
        """A commit without parents of these files."""
        texts = {path: file.read_text("utf-8", "surrogateescape") for path, (_, file) in files.items()}
        return self.origin.add(texts, (), self.name, message)

    def write_files(self, commit: str, into: Path) -> None:
        """The files of a commit on the disk."""
        for name, text in self.origin.commits[commit].files.items():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_text(text)

    def tree_id(self, commit: str) -> str:
        """Equal for equal files."""
        return self._tree(self.origin.commits[commit].files)

    def commits_between(self, base: str, head: str) -> list[str]:
        """The commits of `head` that `base` lacks, newest first."""
        return list(self._without(head, base))

    def history(self, head: str, without: str | None = None) -> list[Row]:
        """The commits of `head` that `without` lacks, parents before children."""
        found = [self.origin.commits[each] for each in self._without(head, without)]
        return [Row(each.id, self._tree(each.files), each.parents) for each in found[::-1]]

    def dated(self, commits: Iterable[str]) -> list[Dated]:
        """These commits and all their ancestors with dates."""
        found = dict.fromkeys(each for commit in commits for each in self._reachable(commit))
        rows = [self.origin.commits[each] for each in found]
        return [Dated(each.id, datetime.fromisoformat(each.at).timestamp(), each.parents) for each in rows]

    def subjects(self, commits: Iterable[str]) -> dict[str, str]:
        """The first line of each commit's message."""
        known = self.origin.commits
        return {each: known[each].subject for each in commits if each in known}

    def copied(self, into: str, other: str) -> frozenset[str]:
        """The commits of `other` that `into` lacks, but has a copy of: the same changes."""
        mine = {self._changes(each) for each in self._without(into, other)} - {None}
        return frozenset(each for each in self._without(other, into) if self._changes(each) in mine)

    def content_commit(self, commit: str) -> str:
        """The commit that the files come from."""
        files = self.origin.commits[commit].files
        same = (
            each for each in self.origin.commits[commit].parents if self.origin.commits[each].files == files
        )
        before = next(same, None)
        return self.content_commit(before) if before else commit

    def trees(self, commits: Iterable[str]) -> dict[str, str]:
        """The tree of each commit that is here."""
        return {each: self.tree_id(each) for each in commits if each in self.origin.commits}

    def first_parents_between(self, base: str, head: str) -> list[str]:
        """Those that were made on the branch itself."""
        known = self._reachable(base)
        return [each for each in self._first_parents(head) if each not in known]

    def name_status(self, old: str, new: str) -> list[str]:
        """The files in which two trees differ."""
        before, after = (self.origin.trees[each] for each in (old, new))
        changed = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
        return [f"{'D' if p not in after else 'A' if p not in before else 'M'} {p}" for p in changed]

    def _changes(self, commit: str) -> str | None:
        """What a commit that is no merge changes; None for a merge or an empty commit."""
        row = self.origin.commits[commit]
        before = self.origin.commits[row.parents[0]].files if row.parents else {}
        changed = [p for p in sorted({*row.files, *before}) if row.files.get(p) != before.get(p)]
        if len(row.parents) > 1 or not changed:
            return None
        return json.dumps([(path, before.get(path), row.files.get(path)) for path in changed])

    def _tree(self, files: Mapping[str, str]) -> str:
        text = json.dumps(dict(sorted(files.items())))
        name = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.origin.trees[name] = dict(files)
        return name

    def _reachable(self, commit: str) -> set[str]:
        found: set[str] = set()
        waiting = [commit]
        while waiting:
            each = waiting.pop()
            if each in self.origin.commits and each not in found:
                found.add(each)
                waiting += self.origin.commits[each].parents
        return found

    def _newest_first(self, commit: str) -> Iterator[str]:
        reachable = self._reachable(commit)
        yield from (each for each in reversed(list(self.origin.commits)) if each in reachable)

    def _without(self, new: str, without: str | None) -> Iterator[str]:
        known = self._reachable(without) if without else set()
        yield from (each for each in self._newest_first(new) if each not in known)

    def _first_parents(self, tip: str) -> Iterator[str]:
        each: str | None = tip
        while each:
            yield each
            parents = self.origin.commits[each].parents
            each = parents[0] if parents else None
