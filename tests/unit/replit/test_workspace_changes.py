"""What lies in the workspace beside the commit: the desk's traces go, a person's work stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.replit import workspace
from scripts.replit.workspace import script
from scripts.system.process import attempt
from tests.support.repositories import Repository
from tests.unit.replit.test_workspace import Place, bash, there

__all__ = ["there"]
KEPT = "refs/desk/kept/r9"
BUILDS = {
    "a tracked file": "date +%s%N >app.txt",
    "a file removed": "rm app.txt",
    "a file made executable": "chmod +x app.txt",
    "a new file": "date +%s%N >'new file'",
    "a new folder": "mkdir -p a/b && date +%s%N >a/b/c",
    "a link": "ln -sf /nowhere app.link",
    "a staged file": "date +%s%N >staged && git add staged",
    "a folder with a repository": "git init -q made && echo x >made/x",
}


def built(extra: str) -> tuple[str, ...]:
    """A build that does something more."""
    return ("sh", "-c", f"mkdir -p dist; echo 1 >dist/x; {extra}")


@pytest.fixture
def released(there: Place) -> Place:
    """A workspace at a release, with a newer commit to come."""
    there.writer.commit("a file", app__txt="one")
    there.commit = there.next("first")
    return there


def shown(place: Place) -> list[str]:
    """What git says is there beside the commit."""
    return place.workspace.git("status", "--porcelain", "-uall").splitlines()


@pytest.mark.parametrize("extra", BUILDS.values(), ids=BUILDS)
@pytest.mark.parametrize("fails", [False, True], ids=["built", "build failed"])
def test_what_the_build_left_never_stops_the_next_release(
    released: Place, extra: str, *, fails: bool
) -> None:
    """It is known by its content, is put back, and that is said. A look finds nothing to refuse."""
    first = released.run(build=built(extra + ("; exit 3" if fails else "")))
    seen = released.run(looks=True)
    released.commit = released.next("second")
    second = released.run(build=built(":"))

    assert (first["desk"], seen["desk"]) == ("failed" if fails else "ready", "ready")
    assert (second["desk"], released.head) == ("ready", released.commit), second
    assert second["detail"].startswith("put back, as the desk had left it:")
    assert shown(released) == []
    assert released.run(build=built(":"))["detail"] == ""


def test_a_tracked_file_that_the_build_changes_is_named(released: Place) -> None:
    """With the release that did it, not only with the next one."""
    detail = released.run(build=built("echo 2 >app.txt; echo 3 >other"))["detail"]

    assert (
        detail
        == "the release itself changed files of the commit, which the next one puts back:\n M app.txt"
    )


PERSON: dict[str, Callable[[Repository], object]] = {
    "changes what the build had changed": lambda w: (w.folder / "app.txt").write_text("mine"),
    "adds a file": lambda w: (w.folder / "mine.txt").write_text("mine"),
    "stages a file": lambda w: ((w.folder / "mine.txt").write_text("mine"), w.git("add", "mine.txt")),
    "removes a file": lambda w: (w.folder / "app.txt").unlink(),
}


@pytest.mark.parametrize("work", PERSON.values(), ids=PERSON)
def test_a_persons_work_stops_a_release_and_not_the_way_back(
    released: Place, work: Callable[[Repository], object]
) -> None:
    """For the way back it is kept aside in a ref, whole and named."""
    released.run(build=built("echo 2 >app.txt"))
    work(released.workspace)
    before, at = shown(released), released.head
    released.commit = released.next("second")
    look, refused = released.run(looks=True), released.run(build=built(":"))

    assert [(each["desk"], each["rule"]) for each in (look, refused)] == [("refused", "dirty")] * 2
    assert (before, at) == (shown(released), released.head)
    back = released.run(build=built(":"), keep="r9")
    changed = released.workspace.git("diff", "--name-only", "--no-renames", at, KEPT).splitlines()

    assert (back["desk"], released.head, shown(released)) == ("ready", released.commit, [])
    assert back["detail"].startswith(f"kept aside in {KEPT}:")
    assert sorted(line.split()[1] for line in before) == sorted(changed)
    if "mine.txt" in changed:
        assert released.workspace.git("show", f"{KEPT}:mine.txt") == "mine"


@pytest.mark.parametrize("extra", ["echo 2 >app.txt", "mkdir -p a && echo 3 >a/b; rm app.txt"])
def test_what_a_killed_build_left_stops_nothing_and_is_kept(released: Place, extra: str) -> None:
    """It can't be told from a person's work, so it is kept aside and the next release goes on."""
    order = released.order(build=built(f"{extra}; kill -9 $(ps -o ppid= -p $PPID) $PPID"))
    assert workspace._answer(attempt(bash(script(order)))) is None
    left = shown(released)
    released.commit = released.next("second")
    look, second = released.run(looks=True), released.run(build=built(":"))
    name = second["detail"].partition(":")[0].removeprefix("kept aside in ")

    assert left
    assert (look["desk"], second["desk"], shown(released)) == ("ready", "ready", [])
    changed = released.workspace.git("diff", "--name-only", "--no-renames", f"{name}^", name).splitlines()
    assert sorted(changed) == sorted(line.split()[1] for line in left)
    work = released.workspace.folder / "mine.txt"
    work.write_text("mine")
    assert released.run(build=built(":"))["rule"] == "dirty"  # that one was finished


def test_commits_that_are_only_there_are_kept_for_a_way_back(released: Place) -> None:
    """Nothing points at them once another commit is checked out."""
    released.run()
    mine = released.workspace.commit("mine", mine__txt="mine")
    released.commit = released.next("second")

    assert released.run(looks=True)["rule"] == released.run()["rule"] == "unpushed"
    back = released.run(keep="r9")

    assert (back["desk"], released.head) == ("ready", released.commit)
    assert released.workspace.git("rev-parse", f"{KEPT}-commits") == mine
    assert f"{KEPT}-commits" in back["detail"]


def test_what_was_kept_first_stays_when_the_same_run_keeps_more(released: Place) -> None:
    """A way back that fails is followed by another one, under the same name."""
    for text in ("one", "two"):
        (released.workspace.folder / "mine.txt").write_text(text)
        assert released.run(build=built(":"), keep="r9")["desk"] == "ready"

    assert released.workspace.git("show", f"{KEPT}:mine.txt") == "one"
    assert released.workspace.git("show", f"{KEPT}-more:mine.txt") == "two"


def test_what_no_commit_can_hold_is_refused_also_for_a_way_back(released: Place) -> None:
    """A repository of a person's own: a commit would only hold its name."""
    released.run()
    own = released.workspace.folder / "own"
    released.workspace.git("init", "-q", str(own))
    (own / "work.txt").write_text("mine")
    released.commit = released.next("second")

    assert released.run(keep="r9")["rule"] == "dirty"
    assert (own / "work.txt").read_text() == "mine"


def test_line_ends_that_git_itself_changes_stop_nothing(released: Place) -> None:
    """The commit says that they are to be normalised, and holds others: git shows the file as changed."""
    (released.writer.folder / "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
    released.writer.git("add", "crlf.txt")
    released.writer.git("-c", "core.autocrlf=false", "commit", "-qm", "windows")
    (released.writer.folder / ".gitattributes").write_text("*.txt text\n")
    released.writer.git("add", ".gitattributes")
    released.commit = released.next("normalised")
    first = released.run(build=built(":"))
    released.commit = released.next("second")
    second = released.run(build=built(":"))

    assert (first["desk"], second["desk"], released.head) == ("ready", "ready", released.commit), second


@pytest.fixture
def with_submodule(released: Place, tmp_path: Path) -> Place:
    """The commit has a submodule, which the desk may fetch from this machine."""
    config = tmp_path / "gitconfig"
    config.write_text("[protocol.file]\nallow = always\n")
    released.git_config = str(config)
    library = tmp_path / "library"
    released.writer.git(
        "clone", "-q", "--bare", "--branch=develop", str(released.origin.folder), str(library)
    )
    allow = ("-c", "protocol.file.allow=always")
    released.writer.git(*allow, "submodule", "--quiet", "add", str(library), "vendor/lib")
    released.commit = released.next("with a submodule")
    return released


def test_a_submodule_that_is_gone_leaves_nothing_behind(with_submodule: Place) -> None:
    """Git leaves its folder, and Publish would ship it."""
    folder = with_submodule.workspace.folder / "vendor" / "lib"
    first = with_submodule.run(build=built(":"))
    assert (first["desk"], (folder / ".git").is_file()) == ("ready", True), first
    with_submodule.writer.git("rm", "-q", "vendor/lib")
    with_submodule.commit = with_submodule.next("without it")
    second = with_submodule.run(build=built(":"))

    assert (second["desk"], folder.exists(), shown(with_submodule)) == ("ready", False, []), second


def test_a_pointer_in_place_of_a_file_is_refused(released: Place) -> None:
    """Without git-lfs it would be built and served as it is."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "1" * 64 + "\nsize 22485\n"
    (released.writer.folder / ".gitattributes").write_text("*.png filter=lfs diff=lfs merge=lfs -text\n")
    (released.writer.folder / "logo.png").write_text(pointer)
    (released.writer.folder / "text.png.md").write_text(pointer)
    released.writer.git("add", ".gitattributes", "logo.png", "text.png.md")
    released.commit = released.next("a logo")
    answer = released.run(build=built("touch reached"))

    assert (answer["desk"], answer["rule"], answer["detail"].split()) == ("refused", "lfs", ["logo.png"])
    assert not (released.workspace.folder / "reached").exists()
