"""Chains of commits that hold one JSON file each, such as the ledger; and which tip this clone trusts."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scripts.errors import CommandFailed
from scripts.git.client import SEEN, Git
from scripts.git.isolation import CACHE, checkout_of

TRUSTED = "refs/airhost/trusted/"  # what was looked at and found good, unlike what was merely fetched
LARGEST = 1024 * 1024  # bytes of one document; a release with 2,000 tables has 100,000
MOST = 256 * 1024 * 1024  # bytes of all documents of a chain


@dataclass(frozen=True)
class Link:
    """One commit of a chain.

    Args:
        parents: the first one is the link before.
        document: its JSON object; {} if there is no readable one.
        fault: why there is none.
        blob: the id of the file; "" if there is none.
        size: of the file, in bytes; -1 if there is none.
        text: of the file; "" where it was not read.
    """

    commit: str
    parents: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    blob: str = field(default="", compare=False)
    size: int = field(default=-1, compare=False)
    text: str = field(default="", compare=False, repr=False)


def link_of(commit: str, parents: tuple[str, ...], file: str, text: str) -> Link:
    """The link, given the text of its file."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Link(commit, parents, fault=f"its `{file}` is no JSON")
    if not isinstance(document, dict):
        return Link(commit, parents, fault=f"its `{file}` is no JSON object")
    return Link(commit, parents, document)


def repeated(file: str) -> str:
    """The fault of a commit that keeps the file of an earlier one."""
    return f"its `{file}` is that of an earlier commit"


def _limit(sizes: Sequence[int]) -> int:
    """The bytes of one document up to which all of them together are read: the largest go first."""
    limit = LARGEST
    while sum(size for size in sizes if 0 <= size <= limit) > MOST:
        limit //= 2
    return limit


class ChainGit(Git):
    """A clone of the app in which chains can be read."""

    def chain(self, tip: str, file: str) -> list[Link]:
        """Each commit from the first to `tip`, oldest first; first parents only.

        One that can't be read is named by its link, and stops nothing.
        """
        listing = self._walk("rev-list", "--first-parent", "--parents", "--reverse", tip, "--").text
        return self._links([line.split() for line in listing.splitlines()], file)

    def chain_after(self, tip: str, file: str, after: str) -> list[Link] | None:
        """As `chain`, from the commit that follows `after`; None if that is not in the chain of `tip`.

        A commit that keeps the file of one up to `after` is not found out.
        """
        options = ("--first-parent", "--parents", "--reverse")
        found = self._walk("rev-list", *options, tip, f"^{after}", "--", success={0, 128})
        commits = [line.split() for line in found.text.splitlines()]
        if found.code or not commits or commits[0][1:2] != [after]:
            return None
        return self._links(commits, file)

    def cache_folder(self) -> Path | None:
        """Where what was read of the repository may be kept; None where there is no checkout."""
        checkout = checkout_of(self.folder)
        return checkout.git_folder / CACHE if checkout else None

    def blob(self, name: str) -> bytes | None:
        """The bytes of a blob; None if it is not here."""
        (text,) = self._read_objects([name])
        return None if text is None else text.encode("utf-8", "surrogateescape")

    def _links(self, commits: Sequence[list[str]], file: str) -> list[Link]:
        blobs = self._blobs([f"{commit}:{file}" for commit, *_ in commits])
        limit = _limit([size for _, size in blobs])
        fit = list(dict.fromkeys(blob for blob, size in blobs if 0 <= size <= limit))
        texts = dict(zip(fit, self._read_objects(fit), strict=True))
        links, seen = [], set[str]()
        for (commit, *parents), (blob, size) in zip(commits, blobs, strict=True):
            if size < 0:
                link = Link(commit, tuple(parents), fault=f"it holds no file `{file}`")
            elif blob in seen:
                link = Link(commit, tuple(parents), fault=repeated(file))
            elif size > limit:
                link = Link(commit, tuple(parents), fault=f"its `{file}` has {size:,} bytes")
            else:
                text = texts[blob] or ""
                link = replace(link_of(commit, tuple(parents), file, text), text=text)
            seen.add(blob)
            links.append(replace(link, blob=blob, size=size))
        return links

    def document(self, name: str, file: str) -> Link:
        """The JSON file of whatever has that id; it may be no commit."""
        ((blob, size),) = self._blobs([f"{name}:{file}"])
        if not 0 <= size <= LARGEST:
            return Link(name, fault=f"it holds no readable file `{file}`")
        return link_of(name, (), file, self._read_objects([blob])[0] or "")

    def _blobs(self, names: Sequence[str]) -> list[tuple[str, int]]:
        """The id and the bytes of each named file; ("", -1) where there is none."""
        found = self._objects(names)
        return [(each.id, each.size) if each and each.kind == "blob" else ("", -1) for each in found]

    def trusted(self, ref: str) -> str | None:
        """The commit of a ref that `trust` named last, else the one that this clone has seen last.

        None if it never saw the ref.
        """
        short = ref.removeprefix("refs/")
        names = (
            TRUSTED + short,
            SEEN + short,  # of a desk that kept no mark of its own
            f"refs/remotes/{self.remote}/{short.removeprefix('heads/')}",  # a plain `git fetch` saw it
        )
        listing = self._local("for-each-ref", "--format=%(refname) %(objectname)", *names).text
        found = dict(line.split(" ") for line in listing.splitlines())
        return next((found[name] for name in names if name in found), None)

    def trust(self, ref: str, commit: str) -> None:
        """Remember a commit for `trusted`, whatever is fetched from now on."""
        with contextlib.suppress(CommandFailed):  # another run is doing the same
            self._local("update-ref", TRUSTED + ref.removeprefix("refs/"), commit)
