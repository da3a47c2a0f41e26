"""A data folder is copied byte by byte, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.database.postgres import kept_cluster
from scripts.database.postgres.kept_cluster import KeptCluster, key_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name, content in {"PG_VERSION": "17\n", "base/1/112": "x" * 9000, "global/1262": "\0\1"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / "pg_tblspc").mkdir()
    return folder


@pytest.fixture
def kept(tmp_path: Path, source: Path) -> KeptCluster:
    made = KeptCluster(tmp_path / "state", "k1")
    made.keep(source)
    return made


def contents(folder: Path) -> dict[str, bytes | None]:
    found = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}


def test_a_copy_is_the_same(kept: KeptCluster, source: Path, tmp_path: Path) -> None:
    """Empty folders, too; nobody else may read it, or what is kept."""
    target = tmp_path / "target"
    assert kept.copy_to(target)
    assert contents(target) == contents(source)
    for folder in (target, *kept.folder.iterdir()):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in target.rglob("*")} == {0}


def test_the_copy_belongs_to_the_servers_user(
    kept: KeptCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, int] = {}
    monkeypatch.setattr(os, "chown", lambda path, user, _group: given.update({str(path): user}))
    target = tmp_path / "target"
    assert kept.copy_to(target, 65534)
    assert given == {str(path): 65534 for path in (target, *target.rglob("*"))}


@pytest.mark.parametrize("damage", ["bit", "cut", "gone", "more", "link", "digest"])
def test_what_was_damaged_is_not_used_again(kept: KeptCluster, tmp_path: Path, damage: str) -> None:
    data = kept._place / "data"
    file = data / "base/1/112"
    match damage:
        case "bit":
            file.write_text("x" * 8999 + "y")
        case "cut":
            file.write_text("")
        case "gone":
            file.unlink()
        case "more":
            (data / "base/1/113").touch()
        case "link":
            file.unlink()
            file.symlink_to(tmp_path / "source/base/1/112")
        case "digest":
            (kept._place / "sha256").write_text("")
    target = tmp_path / "target"
    assert not kept.copy_to(target)
    assert not target.exists()


def test_what_was_damaged_is_made_anew(kept: KeptCluster, source: Path, tmp_path: Path) -> None:
    (kept._place / "data/base/1/112").write_text("")
    assert not kept.copy_to(tmp_path / "target")
    kept.keep(source)
    assert kept.copy_to(tmp_path / "target")


def test_what_can_not_be_looked_at_is_made_anew(kept: KeptCluster, source: Path, tmp_path: Path) -> None:
    """A link in it, say."""
    (kept._place / "data/link").symlink_to(source)
    assert not kept.copy_to(tmp_path / "target")
    kept.keep(source)
    assert kept.copy_to(tmp_path / "target")


def test_two_may_keep_at_the_same_time(kept: KeptCluster, source: Path, tmp_path: Path) -> None:
    """The first stays, and nothing is left of the second."""
    kept.keep(source)
    assert [path.name for path in kept.folder.iterdir()] == ["cluster-k1"]
    assert kept.copy_to(tmp_path / "target")


def test_where_nothing_can_be_kept_nothing_fails(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = KeptCluster(tmp_path / "file", "k1")
    nowhere.keep(source)
    assert not nowhere.copy_to(tmp_path / "target")


def test_too_much_is_not_kept(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_cluster, "LARGEST", 9000)
    made = KeptCluster(tmp_path / "state", "k1")
    made.keep(source)
    assert list(made.folder.iterdir()) == []


def test_what_nobody_uses_is_removed(kept: KeptCluster, source: Path, tmp_path: Path) -> None:
    """Use counts, not age."""
    other = KeptCluster(kept.folder, "k2")
    for _ in range(2):
        for place in (kept._place, other._place):
            if place.exists():
                os.utime(place, (1, 1))
        assert kept.copy_to(tmp_path / "target")
        for path in sorted((tmp_path / "target").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (tmp_path / "target").rmdir()
        other.keep(source)
    assert [path.name for path in sorted(kept.folder.iterdir())] == ["cluster-k1", "cluster-k2"]
    os.utime(kept._place, (1, 1))
    KeptCluster(kept.folder, "k3").keep(source)
    assert [path.name for path in sorted(kept.folder.iterdir())] == ["cluster-k2", "cluster-k3"]


def test_other_programs_have_another_key(tmp_path: Path) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("program")
    keys = [key_of(tmp_path, "a"), key_of(tmp_path, "a"), key_of(tmp_path, "b")]
    (tmp_path / "initdb").write_text("another")
    os.utime(tmp_path / "initdb", (1, 1))
    keys.append(key_of(tmp_path, "a"))
    assert keys[0] == keys[1]
    assert len({*keys}) == 3
