"""Read the remote's refs and objects, write loose objects, push with leases.

Everything works in the person's clone without touching its working tree, index, branches or
FETCH_HEAD. The refs that matter are the remote's, read when they are needed; fetched objects are kept
under `refs/airhost/seen/`, which also keeps the next fetch small. Credentials, hosts and proxies are
git's own business.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.errors import CommandFailed, CommandTimedOut, Refused, Unreachable
from scripts.git import refs_line
from scripts.git.command import FETCH, Update, branch_named, checked_revision, git_command, push_arguments
from scripts.git.graph import walk
from scripts.git.isolation import checkout_of, left_out, unshallowed
from scripts.git.refusals import LINKS, no_commit, retry_delay
from scripts.system.command import Result
from scripts.system.process import attempt, error_tail, run
from scripts.system.secret import redact, redacted

REV_LIST = ("--no-commit-header", "--encoding=UTF-8")  # the format alone, and in one encoding
SHA = re.compile(r"[0-9a-f]{40}")
SEEN = "refs/airhost/seen/"
NETWORK_TIMEOUT = 120.0  # seconds
LOCAL_TIMEOUT = 60.0
FETCH_ROUNDS = 5
LINK, SUBMODULE, TREE = "120000", "160000", "040000"  # modes in a tree

Refs = Mapping[str, str]  # full ref name, such as `refs/heads/main` -> commit id of 40 hex digits


class StaleError(Exception):
    """A ref of the remote is not where the push expected it; nothing moved.

    Args:
        refs: where the remote's refs are now.
    """

    def __init__(self, refs: Refs) -> None:
        super().__init__("the remote's refs moved")
        self.refs = refs


@dataclass(frozen=True)
class Commit:
    """One line of `git log`; `at` is the author's date in ISO 8601."""

    id: str
    author: str
    at: str
    subject: str


@dataclass(frozen=True)
class TreeFile:
    """One file below a folder of a commit.

    Args:
        name: its path below the folder.
        text: what is in it; None if that can't be read from the commit.
        fault: why not, such as `is a symlink that leads out of the repository`.
    """

    name: str
    text: str | None
    fault: str = ""


@dataclass(frozen=True)
class Git:
    """A clone of the app, and the name of the remote that holds the shared state.

    Args:
        committer: `Name <mail>`, whose the desk's commits are; "" for the desk itself.
    """

    folder: Path
    remote: str
    committer: str = ""

    def ls_remote(self) -> dict[str, str]:
        """The remote's branches and deploy refs now: {"refs/heads/main": "<40 hex>", ...}.

        Raises:
            Unreachable: the remote can't be read.
        """
        refs = refs_line.ask(self.folder, self.remote)
        return self._refs_of(self.remote) if refs is None else refs

    def hold_line(self) -> None:
        """Open a connection in the background, over which the next questions for refs go; never raises."""
        refs_line.hold(self.folder, self.remote)

    def drop_line(self) -> None:
        """Close it."""
        refs_line.drop(self.folder, self.remote)

    def _refs_of(self, address: str) -> dict[str, str]:
        lines = self._network("ls-remote", "--", address, "refs/heads/*", "refs/deploy/*")
        pairs = (line.partition("\t")[::2] for line in lines.splitlines())
        return {ref: sha for sha, ref in pairs if SHA.fullmatch(sha)}

    def lagging(self) -> dict[str, tuple[str, ...]]:
        """Of a remote that is pushed to several addresses: those that have not all its refs, and which not.

        A push counts when the address that is read has it; the others may have refused it.
        """
        pushed = self._local("remote", "get-url", "--push", "--all", "--", self.remote, success={0, 2})
        addresses = pushed.text.splitlines()
        if len(addresses) < 2:
            return {}
        ours, behind = self.ls_remote(), dict[str, tuple[str, ...]]()
        for address in addresses:
            try:
                theirs = self._refs_of(address)
            except Unreachable:
                theirs = {}
            refs = sorted(ref for ref in {*ours, *theirs} if ours.get(ref) != theirs.get(ref))
            behind.update({address: tuple(refs)} if refs else {})
        return behind

    def fetch(self, wanted: Iterable[str], listed: Refs | None = None) -> dict[str, str]:
        """Fetch the objects of the refs in `wanted` that exist; return what `ls_remote` gave.

        The very commits of that list are fetched: the leases of a push find what has moved since. Where the
        remote lacks one of them by now, its refs are read again.

        Args:
            listed: what `ls_remote` gave a moment ago.

        Raises:
            Unreachable: the remote can't be read.
            CommandFailed: a ref moved each time.
        """
        names = set(wanted)
        if self._is_shallow():  # in a truncated history `is_ancestor` gives wrong answers
            listed = listed or self.ls_remote()
            self._fetch({ref: listed[ref] for ref in names if ref in listed}, "--unshallow")
            unshallowed(self.folder)
        for _ in range(FETCH_ROUNDS):
            refs, listed = dict(listed or self.ls_remote()), None
            missing = self._missing({ref: refs[ref] for ref in names if ref in refs})
            self._fetch(missing)
            if not self._missing(missing):
                return refs
        raise CommandFailed(f"the refs of `{self.remote}` move faster than they can be fetched")

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`."""
        test = ("merge-base", "--is-ancestor", old, new)
        return old == new or self._walk(*test, success={0, 1}).code == 0

    def resolve(self, revision: str, refs: Refs) -> str:
        """The commit id of a revision. A branch name means the remote's branch, as `refs` has it.

        Raises:
            Refused: the revision is malformed, or no such commit exists here or on the remote.
        """
        exact = checked_revision(revision) == "HEAD" or SHA.fullmatch(revision)
        ref = None if exact else branch_named(revision, refs)  # a branch may be named like an id
        branch = refs[ref] if ref else None
        if ref and branch:
            self._fetch(self._missing({ref: branch}))
        name = f"{branch or revision}^{{commit}}"
        test = ("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        result = self._local(*test, success={0, 1, 128})
        commit = result.text.strip()
        if result.code or not SHA.fullmatch(commit):
            recent = self._local("rev-list", "--all", "--max-count=500").text.split()
            raise no_commit(revision, recent, refs, self.remote)
        return commit

    def log(self, new: str, without: str | None, limit: int = 200) -> list[Commit]:
        """The commits of `new` that `without` lacks, newest first; all if this clone lacks `without`.

        By `rev-list`, since a person's settings change what `log` prints.
        """
        options = (*REV_LIST, "--format=%H%x00%an%x00%aI%x00%s%x00", f"--max-count={limit}", new)
        excluded = [f"^{without}"] if without else []
        found = self._walk("rev-list", *options, *excluded, "--", success={0, 128} if without else {0})
        if found.code:
            found = self._walk("rev-list", *options, "--")
        return [Commit(*line.split("\0")) for line in found.text.split("\0\n") if line]

    def user_name(self) -> str:
        """`user.name` of the person's git configuration; "" when it is not set."""
        return self._local("config", "--get", "user.name", success={0, 1}).text.strip()

    def commit_json(
        self, file: str, document: Mapping[str, Any], subject: str, parent: str | None, *others: str
    ) -> str:
        """Make a commit that holds one JSON file, redacted; returns its id. No branch or index is used.

        `others` are further parents.
        """
        text = json.dumps(redacted(document), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        blob = self._write_object("hash-object", "-w", "--stdin", text=text)
        tree = self._write_object("mktree", text=f"100644 blob {blob}\t{file}\n")
        parents = [word for each in (parent, *others) if each for word in ("-p", each)]
        return self._write_object("commit-tree", tree, *parents, "-F", "-", text=redact(subject))

    def read_tree(self, commit: str, folder: str) -> tuple[TreeFile, ...]:
        """Every file below a folder of a commit, in order; () when there is no such folder.

        Symlinks are followed inside the commit, those of the folder too. Bytes that are no UTF-8 come as
        surrogates: `encode("utf-8", "surrogateescape")` gives the exact bytes of the commit.

        Raises:
            Refused: the folder is, or lies in, a submodule, or is a symlink that leads nowhere.
            CommandFailed: a file can't be read.
        """
        path = folder.strip("/")
        tree = self._tree_of(commit, path)
        if tree is None:
            return ()
        rows = list(self._ls_tree("-r", tree))
        links = [name for mode, _, name in rows if mode == LINK and "\n" not in name]
        found = dict(zip(links, self._follow([f"{commit}:{path}/{name}" for name in links]), strict=True))
        blobs = {name: sha for mode, sha, name in rows if mode not in (LINK, SUBMODULE)}
        faults = {name: "is a submodule" for mode, _, name in rows if mode == SUBMODULE}
        for name, (kind, sha) in found.items():
            if kind == "blob":
                blobs[name] = sha
            else:
                faults[name] = LINKS.get(kind, "is a symlink that can't be followed")
        texts = dict(zip(blobs, self._read_objects(list(blobs.values())), strict=True))
        if None in texts.values():
            raise CommandFailed(f"a file of `{folder}` in `{commit[:12]}` can't be read")
        return tuple(TreeFile(name, texts.get(name), faults.get(name, "")) for _, _, name in rows)

    def paths(self, commit: str) -> list[str]:
        """The path of every file of a commit, in order."""
        return [name for mode, _, name in self._ls_tree("-r", commit) if mode != SUBMODULE]

    def read_file(self, commit: str, path: str) -> str | None:
        """The text of one file of a commit, as `read_tree` gives it; None when there is no such file."""
        if "\n" in path:
            return None
        ((kind, sha),) = self._follow([f"{commit}:{path}"])
        return self._read_objects([sha])[0] if kind == "blob" else None

    def _tree_of(self, commit: str, path: str) -> str | None:
        """The id of a folder's tree; None when the commit has no such folder."""
        parents = [path.rsplit("/", depth)[0] for depth in range(path.count("/") + 1)]
        rows = {name: (mode, sha) for mode, sha, name in self._ls_tree(commit, "--", *parents)}
        if rows.get(path, ("", ""))[0] == TREE:
            return rows[path][1]
        if submodules := [name for name, (mode, _) in rows.items() if mode == SUBMODULE]:
            raise Refused(
                f"`{submodules[0]}` is a submodule: what is in it is not in the commit",
                f"keep the files of `{path}` in the app's own repository",
            )
        ((kind, sha),) = self._follow([f"{commit}:{path}"])  # a symlink, or below one
        if kind in ("dangling", "symlink", "loop"):
            raise Refused(f"`{path}` {LINKS[kind]}", f"keep the files of `{path}` in the repository")
        return sha if kind == "tree" else None

    def _ls_tree(self, *arguments: str) -> Iterator[tuple[str, str, str]]:
        """(mode, id, name) of each entry."""
        listing = self._local("ls-tree", "-z", "--full-tree", *arguments).out
        for line in listing.decode("utf-8", "surrogateescape").split("\0"):
            head, _, name = line.partition("\t")
            if name:
                mode, _, sha = head.split(" ")[:3]
                yield mode, sha, name

    def _follow(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """What `commit:path` leads to, through symlinks: its kind (`blob`, `tree`, a fault) and id."""
        if not names:
            return []
        stdin = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        raw = self._local("cat-file", "--batch-check", "--follow-symlinks", stdin=stdin).out
        lines, found = iter(raw.split(b"\n")), []
        for line in lines:
            words = line.decode("utf-8", "surrogateescape").split(" ")
            if words[0] in LINKS:  # the second line repeats the name, or says where it leads
                next(lines)
                found.append((words[0], ""))
            elif words[-1] == "missing":
                found.append(("", ""))
            elif line:
                found.append((words[1], words[0]))
        return found

    def push(self, updates: Sequence[Update]) -> None:
        """Move all the refs, or none; each only if it is still at `update.old`.

        After a failed push the remote's refs decide: it may have arrived although the answer was lost.

        Raises:
            StaleError: a ref is no longer at `old`; nothing moved.
            PushRefused: the remote refused for another reason.
            CommandFailed: it can't be reached.
        """
        tries = 0
        while (refusal := self._try_push(updates)) is not None:
            refs = self.ls_remote()
            if all(refs.get(update.ref) == update.new for update in updates):
                return
            if any(refs.get(update.ref) != update.old for update in updates):
                raise StaleError(refs)
            time.sleep(retry_delay(refusal, self.remote, tries))
            tries += 1
        self._keep(updates)

    def _try_push(self, updates: Sequence[Update]) -> str | None:
        """Push once; None when the remote took it, else why not, in the remote's words."""
        try:
            result = attempt(
                git_command(self.folder, push_arguments(self.remote, updates), NETWORK_TIMEOUT)
            )
        except CommandTimedOut as fault:
            return f": {fault.message}"
        return error_tail(result) if result.code else None

    def _read_objects(self, names: Sequence[str]) -> list[str | None]:
        """The text of each named object; None for one that does not exist."""
        if not names:
            return []
        stdin = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        raw = self._local("cat-file", "--batch", stdin=stdin).out
        texts: list[str | None] = []
        position = 0
        for _ in names:
            end = raw.index(b"\n", position)
            head, position = raw[position:end].split(), end + 1
            if head[-1] == b"missing":
                texts.append(None)
                continue
            size = int(head[-1])
            texts.append(raw[position : position + size].decode("utf-8", "surrogateescape"))
            position += size + 1
        return texts

    def _missing(self, refs: Refs) -> dict[str, str]:
        """Those refs whose commit this clone lacks."""
        if not refs:
            return {}
        stdin = "".join(f"{sha}\n" for sha in refs.values()).encode()
        lines = self._local("cat-file", "--batch-check", stdin=stdin).text.splitlines()
        missing = {line.split()[0] for line in lines if line.endswith(" missing")}
        return {ref: sha for ref, sha in refs.items() if sha in missing}

    def _fetch(self, refs: Refs, *depth: str) -> None:
        if not refs:
            return
        fetch = (*FETCH, *depth, "--", self.remote)
        # by their ids, so that git need not ask for the refs once more
        specs = [f"+{sha}:{SEEN}{ref.removeprefix('refs/')}" for ref, sha in refs.items()]
        result = attempt(git_command(self.folder, (*fetch, *specs), NETWORK_TIMEOUT))
        # another run may have locked a `seen` ref, an old server may know no ids: only the objects matter
        if result.code and self._missing(refs):
            self._network(*fetch, *refs)

    def _keep(self, updates: Sequence[Update]) -> None:
        """Keep pushed commits from being garbage-collected; another run may be doing the same."""
        with contextlib.suppress(CommandFailed):
            for update in updates:
                if update.new and update.ref.startswith("refs/heads/"):
                    self._local("update-ref", SEEN + update.ref.removeprefix("refs/"), update.new)

    def _is_shallow(self) -> bool:
        """As `rev-parse --is-shallow-repository`, which reads the same file."""
        checkout = checkout_of(self.folder)
        return checkout is not None and (checkout.git_folder / "shallow").exists()

    def _network(self, *arguments: str) -> str:
        result = attempt(git_command(self.folder, arguments, NETWORK_TIMEOUT))
        if result.code:
            missed = ", ".join(f"`{name}`" for name in left_out(self.folder))
            unused = f"; {missed} of the checkout's `.git/config` are not used: `git config --global`"
            raise Unreachable(
                f"the remote `{self.remote}` of `{self.folder}` can't be read{error_tail(result)}",
                f"see `app.remote` in `pipeline.toml`, and try `git ls-remote {self.remote}`"
                + (unused if missed else ""),
                exit_code=result.code,
            )
        return result.text

    def _write_object(self, *arguments: str, text: str) -> str:
        return self._local(*arguments, stdin=text.encode("utf-8", "backslashreplace")).text.strip()

    def _walk(self, *arguments: str, success: Iterable[int] = (0,)) -> Result:
        command = git_command(self.folder, arguments, LOCAL_TIMEOUT, success=frozenset(success))
        return walk(self.folder, command)

    def _local(self, *arguments: str, stdin: bytes | None = None, success: Iterable[int] = (0,)) -> Result:
        accepted = frozenset(success)
        return run(
            git_command(self.folder, arguments, LOCAL_TIMEOUT, stdin, accepted, committer=self.committer)
        )
