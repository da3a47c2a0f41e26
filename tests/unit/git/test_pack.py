"""A commit that the desk writes is, byte for byte, the one that git's own commands make."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.git.client import Git
from scripts.git.identity import identity_of
from scripts.git.pack import Made, commit_of_file, pack_of
from tests.support import repositories
from tests.support.repositories import Repository, clone


@pytest.fixture
def mine(origin: Repository, tmp_path: Path) -> Repository:
    """A clone."""
    return clone(origin, tmp_path / "mine", "--branch=develop")


@pytest.mark.parametrize(
    ("committer", "message", "zone"),
    [
        ("", "lock of staging", ("UTC0", 0)),
        (" Ada, Lovelace Ltd. <ada@example.org>", "two\n\nparagraphs\n", ("XXX-5:30", 19800)),
        ("'Quoted' \"Name\" <a@b.c>", "é \U0001f600", ("XXX3:30", -12600)),
        ("Ada\u00a0. <ada@example.org>", "", ("UTC0", 0)),
    ],
)
def test_git_makes_the_same_commit(
    mine: Repository, monkeypatch: pytest.MonkeyPatch, committer: str, message: str, zone: tuple[str, int]
) -> None:
    """With its rules for names, zones and the end of a message."""
    parent, text = mine.git("rev-parse", "HEAD"), '{\n "a": 1\n}\n'
    name, _, mail = (committer or "release desk <release-desk@localhost>").rpartition("<")
    env = {
        **{f"GIT_{role}_NAME": name.strip() for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": mail.strip("<> ") for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_DATE": "1700000000" for role in ("AUTHOR", "COMMITTER")},
        "TZ": zone[0],
    }
    monkeypatch.setattr(repositories, "ENVIRONMENT", {**repositories.ENVIRONMENT, **env})
    blob = mine.git("hash-object", "-w", "--stdin", stdin=text)
    tree = mine.git("mktree", stdin=f"100644 blob {blob}\tevent.json\n")
    commit = mine.git("commit-tree", tree, "-p", parent, "-F", "-", stdin=message)

    made = commit_of_file(
        "event.json",
        text.encode(),
        [parent, parent],
        message,
        identity=identity_of(committer),
        at=(1700000000, zone[1]),
    )

    assert [each.id for each in made] == [blob, tree, commit]


def test_git_unpacks_what_was_packed(mine: Repository) -> None:
    """Small and large, and what zlib can't make smaller."""
    objects = [Made("blob", bytes(range(256)) * size) for size in (0, 1, 8, 9, 5000)]

    Git(mine.folder, "origin")._local("unpack-objects", "-q", "--strict", stdin=pack_of(objects))

    for each in objects:
        assert mine.git("cat-file", "-s", each.id) == str(len(each.content))
