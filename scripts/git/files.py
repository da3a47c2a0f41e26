"""The objects of a clone: its files read by commit, and small objects written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import CommandFailed, Refused
from scripts.git import objects_line
from scripts.git.command import git_command
from scripts.git.objects_line import Answers, Object
from scripts.git.refusals import LINKS
from scripts.system.command import Result
from scripts.system.process import run

LOCAL_TIMEOUT = 60.0  # seconds
LINK, SUBMODULE, TREE = "120000", "160000", "040000"  # modes in a tree


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
class Objects:
    """A clone of the app, as far as its objects go.

    Args:
        remote: the name of the remote that holds the shared state.
        committer: `Name <mail>`, whose the desk's commits are; "" for the desk itself.
    """

    folder: Path
    remote: str
    committer: str = ""

    def hold_objects(self) -> None:
        """Read objects by one program from now on, which starts with the first of them."""
        objects_line.hold(self.folder)

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
        rows = self._files_below(tree)
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
        rows = self._entries_of(commit, parents)
        if rows.get(path, ("", ""))[0] == TREE:
            return rows[path][1]
        if not {LINK, SUBMODULE} & {mode for mode, _ in rows.values()}:
            return None
        if submodules := [name for name, (mode, _) in rows.items() if mode == SUBMODULE]:
            raise Refused(
                f"`{submodules[0]}` is a submodule: what is in it is not in the commit",
                f"keep the files of `{path}` in the app's own repository",
            )
        ((kind, sha),) = self._follow([f"{commit}:{path}"])  # a symlink, or below one
        if kind in ("dangling", "symlink", "loop"):
            raise Refused(f"`{path}` {LINKS[kind]}", f"keep the files of `{path}` in the repository")
        return sha if kind == "tree" else None

    def _entries_of(self, commit: str, paths: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Mode and id of those paths that the commit has; each one's parent is among them."""
        found, trees = dict[str, tuple[str, str]](), {"": f"{commit}^{{tree}}"}
        for path in sorted(paths, key=len):
            above, _, name = path.rpartition("/")
            if above not in trees:
                continue
            content = self._tree(trees[above])
            if content is None:
                return {name: (mode, sha) for mode, sha, name in self._ls_tree(commit, "--", *paths)}
            for mode, sha, entry in content:
                if entry == name:
                    found[path] = mode, sha
                    trees |= {path: sha} if mode == TREE else {}
        return found

    def _files_below(self, tree: str) -> list[tuple[str, str, str]]:
        """(mode, id, name) of each file below a tree, in order."""
        content = self._tree(tree)
        if content is None:
            return list(self._ls_tree("-r", tree))
        rows = []
        for mode, sha, name in content:
            below = self._files_below(sha) if mode == TREE else []
            rows += [(mode, sha, name)] if mode != TREE else [(m, s, f"{name}/{n}") for m, s, n in below]
        return rows

    def _tree(self, name: str) -> list[tuple[str, str, str]] | None:
        """(mode, id, name) of what stands in a tree; None where no program was held to read it."""
        found = objects_line.ask(self.folder, [name.encode()], whole=True)
        if found is None:
            return None
        if found[0] is None or found[0].kind != "tree":
            raise CommandFailed(f"`{name[:12]}` of `{self.folder}` can't be read")
        return objects_line.entries(found[0].content)

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

    def _read_objects(self, names: Sequence[str]) -> list[str | None]:
        """The text of each named object; None for one that does not exist."""
        found = self._objects(names, whole=True)
        return [each and each.content.decode("utf-8", "surrogateescape") for each in found]

    def _objects(self, names: Sequence[str], *, whole: bool = False) -> list[Object | None]:
        """What git has by each name: kind and size, and with `whole` the content."""
        if not names:
            return []
        coded = [name.encode("utf-8", "surrogateescape") for name in names]
        found = objects_line.ask(self.folder, coded, whole=whole)
        if found is None:
            answers = Answers(len(coded), whole=whole)
            stdin = b"".join(b"%b\n" % name for name in coded)
            printed = self._local("cat-file", "--batch" if whole else "--batch-check", stdin=stdin).out
            if not answers.are_complete(printed):
                raise CommandFailed(f"the objects of `{self.folder}` can't be read")
            found = answers.found
        return found

    def _write_object(self, *arguments: str, text: str) -> str:
        return self._local(*arguments, stdin=text.encode("utf-8", "backslashreplace")).text.strip()

    def _local(self, *arguments: str, stdin: bytes | None = None, success: Iterable[int] = (0,)) -> Result:
        accepted = frozenset(success)
        return run(
            git_command(self.folder, arguments, LOCAL_TIMEOUT, stdin, accepted, committer=self.committer)
        )
