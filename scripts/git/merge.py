"""Merging without a checkout: only objects are written; no working tree, index or ref is touched.

`git merge-tree --write-tree` (git 2.38) merges objects as `git merge` would, with renames and conflicts.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.errors import Refused
from scripts.git.client import LOCAL_TIMEOUT, Git
from scripts.git.command import command
from scripts.system import temporary
from scripts.system.process import attempt, run

NEEDED = (2, 38)


@dataclass(frozen=True)
class Merged:
    """What merging two commits gives.

    Args:
        tree: the id of the merged tree; with conflicts it holds their marks and is of no use.
        conflicts: the files that a person has to mend; empty when the merge is clean.
    """

    tree: str
    conflicts: tuple[str, ...] = ()


class MergingGit(Git):
    """A clone of the app, in which commits can be merged as well."""

    def able(self) -> None:
        """See that this git can merge without a checkout.

        Raises:
            Refused: it is older than that.
        """
        said = self._local("version").text.strip()
        found = re.search(r"(\d+)\.(\d+)", said)
        if found is None or tuple(map(int, found.groups())) < NEEDED:
            needed = ".".join(map(str, NEEDED))
            raise Refused(
                f"this git can't merge without a checkout: {said}, and {needed} or newer is needed",
                f"install git {needed} or newer: https://git-scm.com/downloads",
            )

    def merge_tree(self, into: str, other: str) -> Merged:
        """Merge `other` into `into`, as `git merge` would, without its commit.

        Raises:
            CommandFailed: the two have no history in common.
        """
        options = ("--write-tree", "-z", "--name-only", "--no-messages")
        result = self._local("merge-tree", *options, into, other, success={0, 1})
        tree, *files = result.out.decode("utf-8", "replace").rstrip("\0").split("\0")
        return Merged(tree, tuple(files) if result.code else ())

    def merge_commit(self, tree: str, into: str, other: str, message: str) -> str:
        """A merge commit with that tree, its first parent `into`; by the person, if git knows him."""
        arguments = ("commit-tree", tree, "-p", into, "-p", other, "-F", "-")
        call = command(self.folder, arguments, LOCAL_TIMEOUT, message.encode("utf-8", "backslashreplace"))
        return run(replace(call, env={**call.env, **self._identity()})).text.strip()

    def commit_with(self, parent: str, path: str, text: str, message: str) -> str:
        """A commit on top of another in which one file holds this text; on no branch.

        Only an index of its own, in a temporary folder, is involved.
        """
        blob = self._local("hash-object", "-w", "--stdin", stdin=text.encode()).text.strip()
        with temporary.folder() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}

            def staged(*arguments: str) -> str:
                call = command(self.folder, arguments, LOCAL_TIMEOUT)
                return run(replace(call, env={**call.env, **index})).text.strip()

            staged("read-tree", parent)
            staged("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
            tree = staged("write-tree")
        arguments = ("commit-tree", tree, "-p", parent, "-F", "-")
        return self._local(*arguments, stdin=message.encode()).text.strip()

    def tree(self, commit: str) -> str:
        """The id of a commit's tree: two commits of the same tree hold the same files."""
        return self._local("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}").text.strip()

    def lacking(self, commit: str, other: str) -> list[str]:
        """The commits of `other` that `commit` lacks, newest first."""
        return self._local("rev-list", other, f"^{commit}", "--").text.split()

    def changing(self, commit: str, other: str) -> list[str]:
        """Those of them that change a file themselves: no merges, and no empty ones."""
        options = ("--no-merges", "--full-history")
        return self._local("rev-list", *options, other, f"^{commit}", "--", ":/").text.split()

    def straight(self, commit: str, other: str) -> list[str]:
        """Those of them that were made on the branch itself, not merged into it (first parents only)."""
        return self._local("rev-list", "--first-parent", other, f"^{commit}", "--").text.split()

    def twin(self, commit: str, other: str) -> str | None:
        """The newest commit that `commit` has and `other` lacks with the very files of `other`.

        A branch that was squashed or rebased holds such files under another history.
        """
        lines = self._local("log", "--format=%T %H", commit, f"^{other}", "--").text.splitlines()
        wanted = self.tree(other)
        return next((line.split()[1] for line in lines if line.split()[0] == wanted), None)

    def changes(self, old: str, new: str) -> list[str]:
        """The files in which two trees differ, as git writes it: `A added`, `M changed`, `D deleted`."""
        raw = self._local("diff-tree", "-r", "-z", "--name-status", "--no-renames", old, new).out
        fields = raw.decode("utf-8", "replace").rstrip("\0").split("\0") if raw else []
        return [f"{letter} {file}" for letter, file in zip(fields[::2], fields[1::2], strict=True)]

    def _identity(self) -> Mapping[str, str]:
        """Name and address of the person; nothing, and so the desk's own, when git lacks one of them."""
        name, email = (
            self._local("config", "--get", f"user.{key}", success={0, 1}).text.strip()
            for key in ("name", "email")
        )
        if not (name and email):
            return {}
        return {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", name), ("EMAIL", email))
        }


# A folder of a commit, as files on disk; the person's working tree is not touched.


LARGEST_TREE = 60.0


def unpack(git: Git, commit: str, folder: str, into: Path) -> Path:
    """Write `folder` of the commit below `into`; returns where it lies.

    Raises:
        Refused: the commit has no such folder.
    """
    asked = command(git.folder, ("archive", "--format=tar", commit, "--", folder), LARGEST_TREE)
    packed = attempt(asked)
    if packed.code:
        raise Refused(f"`{commit[:12]}` has no folder `{folder}`", "`[e2e] path` in `pipeline.toml`")
    with tarfile.open(fileobj=io.BytesIO(packed.out)) as archive:
        archive.extractall(into, filter="data")
    return into / folder
