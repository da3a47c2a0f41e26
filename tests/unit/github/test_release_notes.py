"""The notes of a release: by kind where the commits name one, and somebody's text stays text."""

from __future__ import annotations

from scripts.git.client import Commit
from scripts.github.markdown import code, plain
from scripts.github.release_notes import Notes, notes


def commit(subject: str, number: int = 1) -> Commit:
    """A commit of Ada's."""
    return Commit(f"{number:x}" * 40, "Ada", "2030-01-01T00:00:00+00:00", subject)


def brought(*subjects: str, previous: str = "v3", pull: str = "") -> str:
    """The notes of a release that brings these."""
    commits = [commit(subject, number) for number, subject in enumerate(subjects, 1)]
    return notes(Notes(commits, ["20240101000000_a.sql"], "Ada", "https://example.org", previous, pull))


def test_conventional_commits_are_grouped() -> None:
    """Breaking ones first; what is no such commit comes last."""
    text = brought("chore: tidy", "feat(login): remember me", "fix: a crash", "feat!: new API", "words")
    headings = [line for line in text.splitlines() if line.startswith("### ")]

    assert headings == ["### Breaking changes", "### Features", "### Fixes", "### Other", "### Migrations"]
    assert "* login: remember me (Ada, 222222222222)" in text
    assert "* words (Ada, 555555555555)" in text
    assert "* `20240101000000_a.sql`" in text
    assert text.endswith("Made live at https://example.org by Ada. It follows v3.\n")


def test_other_commits_are_listed_by_their_titles() -> None:
    """A merge says nothing of its own, unless it is all there is; a word with a colon is no kind."""
    text = brought("Merge branch 'x'", "Hint: look twice", "fix it", pull="pull request #3", previous="")

    assert "### Changes" in text
    assert "Merge" not in text
    assert "* Hint: look twice (Ada" in text
    assert text.endswith("by Ada by pull request #3.\n")
    assert "* Merge branch 'x'" in brought("Merge branch 'x'")
    assert "###" not in notes(Notes((), (), "Ada", "https://example.org", ""))


def test_text_of_others_stays_text() -> None:
    """It mentions nobody, closes nothing, and is no markup."""
    hostile = "@team <b> [x](https://evil.example) `a` fixes #1 ![i](y)\n# h"

    assert plain(hostile).startswith("@\u200bteam \\<b\\> \\[x\\](https://evil.example)")
    assert "\n" not in plain(hostile)
    assert code(hostile) == "`@team <b> [x](https://evil.example) 'a' fixes #1 ![i](y) # h`"
    assert code("") == "` `"
    assert len(code("x" * 999)) == 202
