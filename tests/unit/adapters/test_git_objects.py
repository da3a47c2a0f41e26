"""Objects read by GitPython, from real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.adapters import git_objects
from scripts.adapters.git import Git
from scripts.errors import CommandFailed
from tests.support.repositories import Repository, seeded


@pytest.fixture
def person(tmp_path: Path) -> Repository:
    """A clone with two commits."""
    return seeded(tmp_path)[1]


def migrations(person: Repository) -> str:
    """A commit with a folder of migrations."""
    folder = person.folder / "supabase" / "migrations"
    (folder / "inner").mkdir(parents=True)
    (folder / "1_a.sql").write_bytes(b"select '\xff\r\n\xc3\xa9'")
    (folder / "2_b.sql").write_text("")
    (folder / "notes.md").write_text("not one")
    (folder / "inner" / "3_c.sql").write_text("not directly in the folder")
    (folder / "4_link.sql").symlink_to("1_a.sql")
    return person.commit("migrations")


def test_files_of_a_folder_are_the_very_bytes_of_the_commit(person: Repository) -> None:
    """Names and bytes are the commit's, also where they are no UTF-8, and whatever the working tree holds."""
    sha = migrations(person)
    (person.folder / "supabase" / "migrations" / "1_a.sql").write_text("changed, not committed")

    found = git_objects.files(person.folder, sha, "supabase/migrations", ".sql")

    assert b"select '\xff\r\n\xc3\xa9'" == found["1_a.sql"].encode("utf-8", "surrogateescape")
    assert "" == found["2_b.sql"]
    assert not {"notes.md", "3_c.sql"} & set(found)


@pytest.mark.parametrize("path", ["nowhere", "supabase/nowhere", "file", "file/under"])
def test_a_folder_that_is_not_there_is_empty(person: Repository, path: str) -> None:
    """An app without migrations yet has none."""
    assert {} == git_objects.files(person.folder, migrations(person), path, ".sql")


def test_slashes_round_the_path_do_not_matter(person: Repository) -> None:
    """`supabase/migrations/` is the same folder."""
    sha = migrations(person)

    assert git_objects.files(person.folder, sha, "supabase/migrations") == git_objects.files(
        person.folder, sha, "/supabase/migrations/"
    )


def test_text_of_one_file(person: Repository) -> None:
    """One file is read from the commit, and one that is not there is None."""
    sha = person.commit("third", file="text é")

    assert ("text é", None) == tuple(git_objects.text(person.folder, sha, path) for path in ("file", "none"))


def test_a_chain_is_read_oldest_first(person: Repository) -> None:
    """Every commit of the ledger gives its document."""
    desk, tip = Git(person.folder, "origin"), None
    for number in range(4):
        tip = desk.write("event.json", {"number": number}, "event", tip)

    assert tip
    assert [{"number": n} for n in range(4)] == git_objects.chain(person.folder, tip, "event.json")


@pytest.mark.parametrize("content", ["{", "\xff", "[" * 100_000])
def test_a_broken_document_is_said(person: Repository, content: str) -> None:
    """What somebody wrote by hand into the ledger is named by its commit, with what to look at."""
    sha = person.commit("by hand", event__json=content)

    with pytest.raises(CommandFailed, match=f"`{sha[:12]}` holds no readable `event.json`") as caught:
        git_objects.chain(person.folder, sha, "event.json")

    assert caught.value.hint
    assert "git log deploy-ledger" in caught.value.hint


def test_a_commit_without_the_file_is_said(person: Repository) -> None:
    """A commit that does not belong to the ledger is named."""
    with pytest.raises(CommandFailed, match=r"holds no readable `event\.json`"):
        git_objects.chain(person.folder, person.git("rev-parse", "HEAD"), "event.json")


@pytest.mark.parametrize("content", ["[]", "1", '"text"', "null"])
def test_a_document_that_is_no_table_is_said(person: Repository, content: str) -> None:
    """JSON that is no object is as unreadable as no JSON."""
    sha = person.commit("by hand", event__json=content)

    with pytest.raises(CommandFailed):
        git_objects.chain(person.folder, sha, "event.json")
