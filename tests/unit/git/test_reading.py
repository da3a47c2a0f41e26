"""Objects of commits, read from real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.errors import CommandFailed, Refused
from scripts.git.client import Git
from tests.support.repositories import Repository, seeded


@pytest.fixture
def person(tmp_path: Path) -> Repository:
    """A clone with two commits."""
    return seeded(tmp_path)[1]


@pytest.fixture
def desk(person: Repository) -> Git:
    """The adapter in it."""
    return Git(person.folder, "origin")


@pytest.fixture
def sha(person: Repository) -> str:
    """A commit with a folder of migrations."""
    folder = person.folder / "supabase" / "migrations"
    (folder / "inner").mkdir(parents=True)
    (folder / "1_a.sql").write_bytes(b"select '\xff\r\n\0\xc3\xa9'\n\n")
    (folder / "2_b.sql").write_text("")
    (folder / "5_with a blank.sql").write_text("blank missing")
    (folder / "6_é.sql").write_text("accent")
    (folder / "notes.md").write_text("not one")
    (folder / "inner" / "3_c.sql").write_text("not directly in the folder")
    return person.commit("migrations")


def test_files_of_a_folder_are_the_very_bytes_of_the_commit(
    desk: Git, person: Repository, sha: str
) -> None:
    """Names and bytes are the commit's, even where they are no UTF-8, whatever the working tree holds."""
    (person.folder / "supabase" / "migrations" / "1_a.sql").write_text("changed, not committed")

    found = desk.read_files(sha, "supabase/migrations", ".sql")

    assert {"1_a.sql", "2_b.sql", "5_with a blank.sql", "6_é.sql"} == set(found)
    assert found["1_a.sql"].encode("utf-8", "surrogateescape") == b"select '\xff\r\n\0\xc3\xa9'\n\n"
    assert tuple(found[name] for name in sorted(found)[1:]) == ("", "blank missing", "accent")


@pytest.mark.parametrize("path", ["nowhere", "supabase/nowhere", "file", "file/under", "*", "supa*"])
def test_a_folder_that_is_not_there_is_empty(desk: Git, sha: str, path: str) -> None:
    """An app without migrations yet has none; a folder's name is no pattern."""
    assert desk.read_files(sha, path, ".sql") == {}


def test_slashes_round_the_path_do_not_matter(desk: Git, sha: str) -> None:
    """`/supabase/migrations/` is the same folder."""
    assert desk.read_files(sha, "supabase/migrations", ".sql") == desk.read_files(
        sha, "/supabase/migrations/", ".sql"
    )


@pytest.mark.parametrize("name", [b"1_line\nbreak.sql", b"1_\xff.sql"], ids=repr)
def test_a_file_of_an_odd_name_is_refused(desk: Git, person: Repository, name: bytes) -> None:
    """A line break or foreign bytes in a name are said: no tool after us would read them alike."""
    folder = person.folder / "m"
    folder.mkdir()
    (folder / "0_a.sql").write_text("text of 0")
    Path(bytes(folder).decode() + "/" + name.decode("utf-8", "surrogateescape")).write_text("odd")
    odd = person.commit("odd")

    with pytest.raises(Refused, match="plain UTF-8"):
        desk.read_files(odd, "m", ".sql")


def test_a_commit_that_is_not_here_is_another_programs_failure(desk: Git) -> None:
    """A commit that a rewritten branch lost is said, not taken for one without files."""
    with pytest.raises(CommandFailed):
        desk.read_files("0123456789" * 4, "supabase", ".sql")


def test_a_chain_is_read_oldest_first(desk: Git) -> None:
    """Every commit of the ledger gives its document."""
    tip = None
    for number in range(4):
        tip = desk.commit_json("event.json", {"number": number, "text": "é\n\x1b"}, "event", tip)

    assert tip
    assert [{"number": n, "text": "é\n\x1b"} for n in range(4)] == desk.json_history(tip, "event.json")


BROKEN = ["{", "", "\xff", "1", '"text"', "null"]


@pytest.mark.parametrize("content", BROKEN, ids=lambda content: content[:12] or "empty")
def test_a_broken_document_is_said(desk: Git, person: Repository, content: str) -> None:
    """What somebody wrote by hand into the ledger is a fault that people can act on."""
    broken = person.commit("by hand", event__json=content)
    root = person.git("commit-tree", f"{broken}^{{tree}}", "-m", "alone")

    with pytest.raises(CommandFailed, match=r"holds no readable `event\.json`") as caught:
        desk.json_history(root, "event.json")

    assert caught.value.hint


def test_a_commit_without_the_file_is_said(desk: Git, person: Repository) -> None:
    """A commit that does not belong to the ledger is no event."""
    with pytest.raises(CommandFailed, match=r"holds no readable `event\.json`"):
        desk.json_history(person.git("rev-parse", "HEAD"), "event.json")


def test_variables_that_point_git_elsewhere_do_not_count(
    desk: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a git hook (GIT_DIR is set there) the objects are still those of the app's checkout."""
    tip = desk.commit_json("event.json", {"number": 1}, "event", None)
    for name in ("GIT_DIR", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))

    assert desk.json_history(tip, "event.json") == [{"number": 1}]
