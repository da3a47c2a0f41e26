"""Merge without a checkout: only objects are written; no working tree, index or ref is touched.

`git merge-tree --write-tree` (git 2.38) merges objects as `git merge` would, with renames and conflicts.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.errors import Refused
from scripts.git.chain import ChainGit
from scripts.git.client import REV_LIST, SHA
from scripts.git.command import git_command
from scripts.git.files import LOCAL_TIMEOUT
from scripts.git.history import LONGEST, Dated, Row, dated_of, rows_of
from scripts.system import temporary
from scripts.system.process import attempt, run

NEEDED_VERSION = (2, 38)


@dataclass(frozen=True)
class MergeResult:
    """The result of merging two commits.

    Args:
        tree: the id of the merged tree; with conflicts it holds conflict markers and must not be used.
        conflicts: the files that a person has to resolve; empty when the merge is clean.
    """

    tree: str
    conflicts: tuple[str, ...] = ()


class MergingGit(ChainGit):
    """A clone of the app in which commits can be merged and compared."""

    def require_merge_tree(self) -> None:
        """Check that this git can merge without a checkout.

        Raises:
            Refused: it is too old.
        """
        version = self._local("version").text.strip()
        match = re.search(r"(\d+)\.(\d+)", version)
        if match is None or tuple(map(int, match.groups())) < NEEDED_VERSION:
            needed = ".".join(map(str, NEEDED_VERSION))
            raise Refused(
                f"this git can't merge without a checkout: {version}, and {needed} or newer is needed",
                f"install git {needed} or newer: https://git-scm.com/downloads",
            )

    def merge_tree(self, into: str, other: str) -> MergeResult:
        """Merge `other` into `into` as `git merge` would, without making the commit.

        Raises:
            CommandFailed: the two have no history in common.
        """
        options = ("--write-tree", "-z", "--name-only", "--no-messages")
        result = self._local("merge-tree", *options, into, other, success={0, 1})
        tree, *files = result.out.decode("utf-8", "replace").rstrip("\0").split("\0")
        return MergeResult(tree, tuple(files) if result.code else ())

    def merge_commit(self, tree: str, into: str, other: str, message: str) -> str:
        """Make a merge commit of that tree, first parent `into`; returns its id.

        The author is the person, if git knows name and email; so is the committer, if none is set.
        """
        arguments = ("commit-tree", tree, "-p", into, "-p", other, "-F", "-")
        return self._run_with(self._identity(), *arguments, text=message)

    def commit_file(self, parent: str, path: str, text: str, message: str) -> str:
        """Make a commit on top of `parent` in which one file has this text; returns its id.

        It is on no branch. Only an index in a temporary folder is used.
        """
        blob = self._write_object("hash-object", "-w", "--stdin", text=text)
        with temporary.folder() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._run_with(index, "read-tree", parent)
            self._run_with(index, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
            tree = self._run_with(index, "write-tree")
        return self._write_object("commit-tree", tree, "-p", parent, "-F", "-", text=message)

    def commit_files(self, files: Mapping[str, tuple[str, Path]], message: str) -> str:
        """Make a commit without parents of these files alone; returns its id. It is on no branch.

        Args:
            files: path in the commit -> its mode (`100644`, `100755`), and the file on the disk.

        Raises:
            CommandFailed: a path is none that git takes.
        """
        lines = "".join(f"{file}\n" for _, file in files.values())
        blobs = self._write_object("hash-object", "-w", "--no-filters", "--stdin-paths", text=lines)
        rows = zip(blobs.split(), files.items(), strict=True)
        index_info = "".join(f"{mode} {blob}\t{path}\0" for blob, (path, (mode, _)) in rows)
        with temporary.folder() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._run_with(index, "update-index", "-z", "--index-info", text=index_info)
            tree = self._run_with(index, "write-tree")
        return self._write_object("commit-tree", tree, "-F", "-", text=message)

    def write_files(self, commit: str, into: Path) -> None:
        """Write all files of a commit below a new folder, those too that `export-ignore` leaves out."""
        into.mkdir(parents=True)
        with temporary.folder() as folder:
            place = {"GIT_INDEX_FILE": f"{folder}/index", "GIT_WORK_TREE": str(into)}
            self._run_with(place, "read-tree", commit)
            self._run_with(place, "checkout-index", "--all")

    def tree_id(self, commit: str) -> str:
        """The id of a commit's tree: two commits with the same tree hold the same files."""
        return self._local("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}").text.strip()

    def commits_between(self, base: str, head: str) -> list[str]:
        """The commits of `head` that `base` lacks (`base..head`), newest first."""
        return self._walk("rev-list", head, f"^{base}", "--").text.split()

    def history(self, head: str, without: str | None = None) -> list[Row]:
        """The commits of `head` that `without` lacks, parents before children."""
        excluded = [f"^{without}"] if without else []
        options = (*REV_LIST, "--topo-order", "--reverse", "--format=%H %T %P", f"--max-count={LONGEST}")
        return rows_of(self._walk("rev-list", *options, head, *excluded, "--").text)

    def dated(self, commits: Iterable[str]) -> list[Dated]:
        """These commits and all their ancestors with dates, as far as this clone has them."""
        options = (*REV_LIST, "--ignore-missing", "--format=%H %ct %P", f"--max-count={LONGEST}", "--stdin")
        names = [each for each in dict.fromkeys(commits) if SHA.fullmatch(each)]
        stdin = "".join(f"{name}\n" for name in names).encode()
        return dated_of(self._local("rev-list", *options, stdin=stdin).text) if names else []

    def subjects(self, commits: Iterable[str]) -> dict[str, str]:
        """The first line of each commit's message; of those that this clone has."""
        names = [each for each in dict.fromkeys(commits) if SHA.fullmatch(each)]
        options = (*REV_LIST, "--no-walk=unsorted", "--ignore-missing", "--format=%H %s", "--stdin")
        stdin = "".join(f"{name}\n" for name in names).encode()
        lines = self._local("rev-list", *options, stdin=stdin).text.splitlines() if names else []
        return {line[:40]: line[41:] for line in lines}

    def copied(self, into: str, other: str) -> frozenset[str]:
        """The commits of `other` that `into` lacks, but has a copy of: the same changes, as by a rebase."""
        options = ("--cherry-mark", "--right-only", "--no-merges")
        lines = self._local("rev-list", *options, f"{into}...{other}", "--").text.split()
        return frozenset(line[1:] for line in lines if line.startswith("="))

    def content_commit(self, commit: str) -> str:
        """The commit that the files come from, past merges and empty commits that change none."""
        return self._local("rev-list", "--max-count=1", commit, "--", ":/").text.strip() or commit

    def trees(self, commits: Iterable[str]) -> dict[str, str]:
        """The tree of each commit that this clone has."""
        names = [each for each in dict.fromkeys(commits) if SHA.fullmatch(each)]
        found = self._objects([f"{name}^{{tree}}" for name in names])
        pairs = zip(names, found, strict=True)
        return {name: each.id for name, each in pairs if each and each.kind == "tree"}

    def first_parents_between(self, base: str, head: str) -> list[str]:
        """Those of `base..head` that were made on the branch itself, not merged into it."""
        return self._walk("rev-list", "--first-parent", head, f"^{base}", "--").text.split()

    def name_status(self, old: str, new: str) -> list[str]:
        """The files in which two trees differ: `A added.txt`, `M changed.txt`, `D deleted.txt`."""
        raw = self._local("diff-tree", "-r", "-z", "--name-status", "--no-renames", old, new).out
        fields = raw.decode("utf-8", "replace").rstrip("\0").split("\0") if raw else []
        return [f"{status} {file}" for status, file in zip(fields[::2], fields[1::2], strict=True)]

    def _run_with(self, env: Mapping[str, str], *arguments: str, text: str | None = None) -> str:
        """What git prints with these variables added to its environment."""
        stdin = None if text is None else text.encode("utf-8", "backslashreplace")
        call = git_command(self.folder, arguments, LOCAL_TIMEOUT, stdin, committer=self.committer)
        return run(replace(call, env={**call.env, **env})).text.strip()

    def _identity(self) -> Mapping[str, str]:
        """The person's name and email as git's variables; {} (the desk's own) when git lacks one.

        The committer is left to `committer`, where that is set.
        """
        name, email = (
            self._local("config", "--get", f"user.{key}", success={0, 1}).text.strip()
            for key in ("name", "email")
        )
        if not (name and email):
            return {}
        return {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", *(() if self.committer else ("COMMITTER",)))
            for key, value in (("NAME", name), ("EMAIL", email))
        }


def export_folder(git: ChainGit, commit: str, folder: str, into: Path) -> Path:
    """Write the files of `folder` in the commit below `into`; returns the path of the written folder.

    Raises:
        Refused: the commit has no such folder.
    """
    arguments = ("archive", "--format=tar", commit, "--", folder)
    result = attempt(git_command(git.folder, arguments, LOCAL_TIMEOUT))
    if result.code:
        raise Refused(f"`{commit[:12]}` has no folder `{folder}`", "`[e2e] path` in `pipeline.toml`")
    with tarfile.open(fileobj=io.BytesIO(result.out)) as archive:
        archive.extractall(into, filter="data")
    return into / folder
