"""GitPython, only to read objects that are in the clone already: trees, files, chains of commits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.errors import CommandFailed


def files(folder: Path, commit: str, path: str, suffix: str = "") -> dict[str, str]:
    """The files directly in a folder of a commit, name -> text; empty when the folder is not there.

    Bytes that are no UTF-8 come as surrogates, so that `encode("utf-8", "surrogateescape")` gives
    the very bytes of the commit.
    """
    import git

    with git.Repo(folder) as repository:
        tree = repository.commit(commit).tree
        try:
            found = tree / path.strip("/")
        except KeyError:
            return {}
        if found.type != "tree":
            return {}
        return {
            blob.name: blob.data_stream.read().decode("utf-8", "surrogateescape")
            for blob in found.blobs
            if blob.name.endswith(suffix)
        }


def text(folder: Path, commit: str, path: str) -> str | None:
    """One file of a commit, None when it is not there."""
    import git

    with git.Repo(folder) as repository:
        try:
            blob = repository.commit(commit).tree / path
        except KeyError:
            return None
        return str(blob.data_stream.read().decode("utf-8", "replace"))


def chain(folder: Path, tip: str, file: str) -> list[dict[str, Any]]:
    """The JSON file of each commit from the first to `tip`, oldest first.

    Raises:
        CommandFailed: a commit of the chain does not hold such a file.
    """
    import git

    documents = []
    with git.Repo(folder) as repository:
        for commit in repository.iter_commits(tip, first_parent=True):
            try:
                raw = (commit.tree / file).data_stream.read()
                documents.append(json.loads(raw))
            except (KeyError, ValueError) as fault:
                raise CommandFailed(
                    f"commit `{commit.hexsha[:12]}` holds no readable `{file}`",
                    "somebody wrote to the ledger by hand: look at `git log deploy-ledger`",
                ) from fault
    return documents[::-1]
