"""Read the remote's refs, fetch what they hold, write loose objects, push with leases.

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
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any

from scripts.errors import CommandFailed, CommandTimedOut, Unreachable
from scripts.git import refs_line
from scripts.git.command import FETCH, Update, branch_named, checked_revision, git_command, push_arguments
from scripts.git.files import LOCAL_TIMEOUT, Objects
from scripts.git.graph import walk
from scripts.git.identity import identity_of
from scripts.git.isolation import checkout_of, left_out, unshallowed
from scripts.git.pack import commit_of_file, pack_of
from scripts.git.refusals import no_commit, retry_delay
from scripts.system.command import Result
from scripts.system.process import attempt, error_tail
from scripts.system.secret import redact, redacted

REV_LIST = ("--no-commit-header", "--encoding=UTF-8")  # the format alone, and in one encoding
SHA = re.compile(r"[0-9a-f]{40}")
SEEN = "refs/airhost/seen/"
NETWORK_TIMEOUT = 120.0  # seconds
FETCH_ROUNDS = 5

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


class Git(Objects):
    """A clone of the app, and the name of the remote that holds the shared state."""

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

    def fetch_ahead(self, refs: Iterable[str]) -> None:
        """Fetch what these refs hold by now, for a `fetch` that follows; whether that succeeds matters not.

        Only refs that this clone has seen before: git fetches nothing at all where the remote lacks one.
        """
        if self._is_shallow():
            return
        names = [SEEN + ref.removeprefix("refs/") for ref in refs]
        seen = self._local("for-each-ref", "--format=%(refname)", *names).text.splitlines()
        specs = [f"+refs/{each.removeprefix(SEEN)}:{each}" for each in seen if each in names]
        if specs:
            attempt(git_command(self.folder, (*FETCH, "--", self.remote, *specs), NETWORK_TIMEOUT))

    def fetch(
        self, wanted: Iterable[str], listed: Refs | None = None, ahead: Future[None] | None = None
    ) -> dict[str, str]:
        """Fetch the objects of the refs in `wanted` that exist; return what `ls_remote` gave.

        The very commits of that list are fetched: the leases of a push find what has moved since. Where the
        remote lacks one of them by now, its refs are read again.

        Args:
            listed: what `ls_remote` gave a moment ago.
            ahead: a `fetch_ahead` that was begun beside that.

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
            if ahead:  # it has a time limit of its own; a commit may be there before its files are
                wait([ahead])
                ahead = None
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
        parents, now = [each for each in (parent, *others) if each], int(time.time())
        made = commit_of_file(
            file,
            text.encode("utf-8", "backslashreplace"),
            parents,
            redact(subject),
            identity=identity_of(self.committer),
            at=(now, time.localtime(now).tm_gmtoff),
        )
        self._local("unpack-objects", "-q", "--strict", stdin=pack_of(made))
        return made[-1].id

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

    def _missing(self, refs: Refs) -> dict[str, str]:
        """Those refs whose commit this clone lacks."""
        found = self._objects(list(refs.values()))
        return {ref: sha for (ref, sha), each in zip(refs.items(), found, strict=True) if each is None}

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
                if update.new not in (None, update.old) and update.ref.startswith("refs/heads/"):
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

    def _walk(self, *arguments: str, success: Iterable[int] = (0,)) -> Result:
        command = git_command(self.folder, arguments, LOCAL_TIMEOUT, success=frozenset(success))
        return walk(self.folder, command)
