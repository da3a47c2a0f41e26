"""git: reads the remote's refs, writes loose objects, pushes with leases.

Works in the person's clone without touching its working tree, index, branches or FETCH_HEAD:
the refs that matter are those of the remote, asked for at the moment; objects are fetched by
name and kept under `refs/airhost/seen/`, which also makes the next fetch small.
Credentials, hosts and proxies are git's own business.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.errors import CommandFailed, CommandTimedOut, Refused, Unreachable
from scripts.git.command import FETCH, Update, command, push_arguments, usable
from scripts.system.command import Result
from scripts.system.process import attempt, last_words, run
from scripts.system.secret import redact, redacted

SHA = re.compile(r"[0-9a-f]{40}")
SEEN = "refs/airhost/seen/"
NETWORK_TIMEOUT = 120.0
LOCAL_TIMEOUT = 60.0

Refs = Mapping[str, str]  # full ref name -> commit id


class StaleError(Exception):
    """The remote's refs are no longer those that the push was made for; nothing moved."""

    def __init__(self, refs: Refs) -> None:
        super().__init__("the remote's refs moved")
        self.refs = refs


@dataclass(frozen=True)
class Git:
    """A clone of the app, and the name of the remote that holds the shared state."""

    folder: Path
    remote: str

    def refs(self) -> dict[str, str]:
        """The remote's branches and deploy refs, as they are now."""
        lines = self._network("ls-remote", "--", self.remote, "refs/heads/*", "refs/deploy/*")
        pairs = (line.partition("\t")[::2] for line in lines.splitlines())
        return {ref: sha for sha, ref in pairs if SHA.fullmatch(sha)}

    def observe(self, wanted: Iterable[str]) -> dict[str, str]:
        """The remote's refs, with the objects of those in `wanted` at hand.

        Asks again when a ref moved between the question and the fetch.
        """
        names = set(wanted)
        if self._shallow():  # a cut-off history answers "is it an ancestor?" wrongly
            refs = self.refs()
            self._fetch({ref: refs[ref] for ref in names if ref in refs}, "--unshallow")
        for _ in range(5):
            refs = self.refs()
            lacking = self._lacking({ref: refs[ref] for ref in names if ref in refs})
            if not lacking:
                return refs
            self._fetch(lacking)
        raise CommandFailed(f"the refs of `{self.remote}` move faster than they can be fetched")

    def seen(self, ref: str) -> str | None:
        """Where a ref of the remote was when this clone fetched it last; None if it never did."""
        name = ("rev-parse", "--verify", "-q", SEEN + ref.removeprefix("refs/"))
        return self._local(*name, success={0, 1}).text.strip() or None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` has all that `old` has."""
        test = ("merge-base", "--is-ancestor", old, new)
        return old == new or self._local(*test, success={0, 1}).code == 0

    def resolve(self, revision: str, refs: Refs) -> str:
        """The commit id of a revision; a branch name means the remote's branch.

        Raises:
            Refused: there is no such commit here or on the remote.
        """
        exact = usable(revision) == "HEAD" or SHA.fullmatch(revision)
        branch = None if exact else refs.get(f"refs/heads/{revision}")  # one may be called so, too
        if branch:
            self._fetch(self._lacking({f"refs/heads/{revision}": branch}))
        name = f"{branch or revision}^{{commit}}"
        test = ("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        found = self._local(*test, success={0, 1, 128})
        if found.code or not SHA.fullmatch(found.text.strip()):
            raise Refused(f"`{revision}` is no commit of this repository", f"`git fetch {self.remote}`")
        return found.text.strip()

    def log(self, new: str, without: str | None, limit: int = 200) -> list[dict[str, str]]:
        """The commits of `new` that `without` lacks, newest first: id, author, at, subject."""
        line = "%H%x00%an%x00%aI%x00%s"
        known = without and not self._lacking({"": without})
        excluded = [f"^{without}"] if known else []
        form = ("-z", f"--format={line}", f"--max-count={limit}")
        text = self._local("log", *form, new, *excluded, "--").text
        fields = text.removesuffix("\0").split("\0") if text else []
        keys = ("id", "author", "at", "subject")
        return [dict(zip(keys, fields[i : i + 4], strict=True)) for i in range(0, len(fields), 4)]

    def author(self) -> str:
        """Who works here, as git knows him; empty when it does not."""
        return self._local("config", "--get", "user.name", success={0, 1}).text.strip()

    def write(self, file: str, document: Mapping[str, Any], subject: str, parent: str | None) -> str:
        """Make a commit that holds one JSON file; returns its id. No branch and no index is involved."""
        text = json.dumps(redacted(document), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        blob = self._local(
            "hash-object", "-w", "--stdin", stdin=text.encode("utf-8", "backslashreplace")
        ).text.strip()
        tree = self._local("mktree", stdin=f"100644 blob {blob}\t{file}\n".encode()).text.strip()
        parents = ["-p", parent] if parent else []
        return self._local(
            "commit-tree",
            tree,
            *parents,
            "-F",
            "-",
            stdin=redact(subject).encode("utf-8", "backslashreplace"),
        ).text.strip()

    def chain(self, tip: str, file: str) -> list[dict[str, Any]]:
        """The JSON file of each commit from the first to `tip`, oldest first.

        Raises:
            CommandFailed: a commit of the chain does not hold such a file.
        """
        ids = self._local("rev-list", "--first-parent", "--reverse", tip, "--").text.split()
        texts = self._read([f"{each}:{file}" for each in ids])
        try:
            return [dict(json.loads(text or "")) for text in texts]
        except (ValueError, TypeError, RecursionError):
            raise CommandFailed(
                f"a commit of the chain that ends in `{tip[:12]}` holds no readable `{file}`",
                "somebody wrote there by hand: look at it with `git log`",
            ) from None

    def files(self, commit: str, folder: str, suffix: str) -> dict[str, str]:
        """The files directly in a folder of a commit, name -> text; empty when there is no folder.

        Bytes that are no UTF-8 come as surrogates, so that `encode("utf-8", "surrogateescape")`
        gives the very bytes of the commit.
        """
        path = folder.strip("/") + "/"
        listed = self._local("ls-tree", "-z", "--full-tree", commit, "--", path).out
        blobs = {}
        for line in listed.decode("utf-8", "surrogateescape").split("\0"):
            head, _, name = line.partition("\t")
            if " blob " in head and name.endswith(suffix):
                blobs[name.removeprefix(path)] = head.split()[2]
        odd = [name for name in blobs if not name.isprintable()]  # foreign bytes, line breaks
        if odd:
            raise Refused(f"a file name in `{folder}` is no plain UTF-8: {odd[0]!a}", "rename it")
        texts = self._read(list(blobs.values()))
        if None in texts:
            raise CommandFailed(f"a file of `{folder}` in `{commit[:12]}` can't be read")
        return {name: str(text) for name, text in zip(blobs, texts, strict=True)}

    def _read(self, names: Sequence[str]) -> list[str | None]:
        """The objects of these names, each as text; None for one that is not there."""
        if not names:
            return []
        asked = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        raw = self._local("cat-file", "--batch", stdin=asked).out
        texts: list[str | None] = []
        place = 0
        for _ in names:
            end = raw.index(b"\n", place)
            head, place = raw[place:end].split(), end + 1
            if head[-1] == b"missing":
                texts.append(None)
                continue
            size = int(head[-1])
            texts.append(raw[place : place + size].decode("utf-8", "surrogateescape"))
            place += size + 1
        return texts

    def push(self, updates: Sequence[Update]) -> None:
        """Move all the refs, or none.

        A push that failed is settled by looking: it may have arrived although the answer was lost.

        Raises:
            StaleError: a ref is no longer what it was; nothing moved.
            CommandFailed: the remote refused for another reason, or can't be reached.
        """
        tried = 0
        while (why := refused(self.folder, self.remote, updates)) is not None:
            refs = self.refs()
            if all(refs.get(each.ref) == each.new for each in updates):
                return
            if any(refs.get(each.ref) != each.old for each in updates):
                raise StaleError(refs)
            time.sleep(pauses(why, self.remote, tried))
            tried += 1
        self._remember(updates)

    def _lacking(self, refs: Refs) -> dict[str, str]:
        """Those refs whose commit is not in this clone."""
        asked = "".join(f"{sha}\n" for sha in refs.values()).encode()
        lines = self._local("cat-file", "--batch-check", stdin=asked).text.splitlines()
        absent = {line.split()[0] for line in lines if line.endswith(" missing")}
        return {ref: sha for ref, sha in refs.items() if sha in absent}

    def _fetch(self, refs: Refs, *depth: str) -> None:
        if not refs:
            return
        fetch = (*FETCH, *depth, "--", self.remote)
        specs = [f"+{ref}:{SEEN}{ref.removeprefix('refs/')}" for ref in refs]
        result = attempt(command(self.folder, (*fetch, *specs), NETWORK_TIMEOUT))
        # another run may have held the lock on one of the seen refs: the objects are what counts
        if result.code and self._lacking(refs):
            self._network(*fetch, *refs)

    def _remember(self, updates: Sequence[Update]) -> None:
        """Keep what was pushed from being collected; another run may be doing the same."""
        with contextlib.suppress(CommandFailed):
            for each in updates:
                if each.new and each.ref.startswith("refs/heads/"):
                    self._local("update-ref", SEEN + each.ref.removeprefix("refs/"), each.new)

    def _shallow(self) -> bool:
        return self._local("rev-parse", "--is-shallow-repository").text.strip() == "true"

    def _network(self, *arguments: str) -> str:
        result = attempt(command(self.folder, arguments, NETWORK_TIMEOUT))
        if result.code:
            raise Unreachable(
                f"the remote `{self.remote}` of `{self.folder}` can't be read{last_words(result)}",
                f"see `app.remote` in `pipeline.toml`, and try `git ls-remote {self.remote}`",
                exit_code=result.code,
            )
        return result.text

    def _local(self, *arguments: str, stdin: bytes | None = None, success: Iterable[int] = (0,)) -> Result:
        return run(command(self.folder, arguments, LOCAL_TIMEOUT, stdin, frozenset(success)))


# One try of a push, and what a refusal means.


PUSH_TIMEOUT = 120.0
PAUSES = (0.1, 0.3, 0.9, 2.0)  # seconds before the next try
# two pushes at the same moment: the remote's own lock files, which are there for milliseconds
BUSY = re.compile(r"cannot lock ref|File exists|failed to update ref|incorrect old value")


def refused(folder: Path, remote: str, updates: Sequence[Update]) -> str | None:
    """Push; None when it was taken, or why not, in the remote's words."""
    try:
        result = attempt(command(folder, push_arguments(remote, updates), PUSH_TIMEOUT))
    except CommandTimedOut as late:
        return f": {late.message}"
    return last_words(result) if result.code else None


def pauses(why: str, remote: str, tried: int) -> float:
    """Seconds until the next try.

    Raises:
        CommandFailed: another try would change nothing.
    """
    if tried >= len(PAUSES) or not BUSY.search(why):
        raise CommandFailed(f"`git push` to `{remote}` was refused{why}")
    return PAUSES[tried]


@dataclass(frozen=True)
class Commit:
    """One line of `git log`; `at` in ISO 8601."""

    id: str
    author: str
    at: str
    subject: str
