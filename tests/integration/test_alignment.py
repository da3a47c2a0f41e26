"""Fixes that go round the chain, and branches that were merged by the button: in a whole world."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.desk import Call, Desk, ended, git
from tests.support import skips

pytestmark = [pytest.mark.timeout(600), skips.LONG]

BRANCHES = {"development": "develop", "staging": "staging", "production": "main"}
IDENTITY = ("-c", "user.name=GitHub", "-c", "user.email=noreply@github.example")


def travel(desk: Desk) -> str:
    """The head of develop goes all the way, each time as a fast-forward; returns it."""
    for arguments in (
        ("deploy", "--env", "development"),
        ("promote", "--to", "staging"),
        ("promote", "--to", "production", "--yes"),
    ):
        call = desk(*arguments)
        assert call.code == 0, call.err
    assert aligned(desk)
    return head(desk, "develop")


def aligned(desk: Desk) -> bool:
    """Whether the branches are at one commit, and every environment serves it."""
    heads = {head(desk, branch) for branch in BRANCHES.values()}
    return len(heads) == 1 and heads == {desk.served(name) for name in BRANCHES}


@pytest.fixture
def live(desk: Desk) -> Iterator[Desk]:
    """The same commit is live everywhere, before and after."""
    if not aligned(desk):
        travel(desk)
    yield desk
    git(desk.world.clone, "switch", "-q", "develop")
    git(desk.world.clone, "pull", "-q", "--ff-only")
    if not aligned(desk):
        travel(desk)


def head(desk: Desk, branch: str) -> str:
    """Where a branch of the origin is."""
    return desk.refs()[f"refs/heads/{branch}"]


def tree(desk: Desk, branch: str) -> str:
    """Its files, as one id."""
    return git(desk.world.origin, "rev-parse", f"{branch}^{{tree}}")


def contains(desk: Desk, branch: str, commit: str) -> bool:
    """Whether a branch has a commit."""
    return commit in git(desk.world.origin, "rev-list", branch).split()


def at_rest(desk: Desk) -> bool:
    """Nothing is locked, and nothing is left of a run."""
    return not [ref for ref in desk.refs() if ref.startswith("refs/deploy/")]


def press(desk: Desk, source: str, into: str, number: int) -> None:
    """GitHub's button: a merge commit on `into` with the files of `source`."""
    origin = desk.world.origin
    parents = ("-p", head(desk, into), "-p", head(desk, source))
    subject = f"Merge pull request #{number} from acme/{source}"
    merge = git(origin, *IDENTITY, "commit-tree", tree(desk, source), *parents, "-m", subject)
    git(origin, "update-ref", f"refs/heads/{into}", merge)


def hotfix(desk: Desk, name: str, base: str = "origin/main", **files: str) -> str:
    """A branch with one commit, made as a developer does; returns its head."""
    clone = desk.world.clone
    git(clone, "fetch", "-q")
    git(clone, "switch", "-q", "--no-track", "-c", name, base)
    for file, text in files.items():
        (clone / file).write_text(text)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", f"fix of {name}")
    git(clone, "push", "-q", "origin", name)
    made = git(clone, "rev-parse", "HEAD")
    git(clone, "switch", "-q", "develop")
    return made


def test_the_first_day_of_a_team_that_merged_by_the_button(live: Desk) -> None:
    """Promotion goes on; one back-merge changes no file; then promotions fast-forward."""
    live.commit({"NOTES.md": f"feature 1 {time.time()}\n"}, "feature 1")
    press(live, "develop", "staging", 7)
    press(live, "staging", "main", 8)
    newest = live.commit({"NOTES.md": f"feature 2 {time.time()}\n"}, "feature 2")
    assert live("deploy", "--env", "development").code == 0
    assert live("promote", "--to", "staging").code == 0
    assert contains(live, "staging", newest)
    assert tree(live, "staging") == tree(live, "develop")
    before, trees = live.refs(), {branch: tree(live, branch) for branch in BRANCHES.values()}
    planned = live("backmerge", "--all", "--plan")

    assert (0, True, before) == (planned.code, planned.document["harmless"], live.refs())
    done = live("backmerge", "--all", "--yes")
    assert 0 == done.code, done.err
    assert trees == {branch: tree(live, branch) for branch in BRANCHES.values()}
    assert trees == {branch: each["after"] for branch, each in done.document["trees"].items()}
    assert contains(live, "staging", head(live, "main"))
    assert contains(live, "develop", head(live, "staging"))
    assert newest == live.served("development")
    assert at_rest(live)
    assert [] == live("status").document["environments"][0]["problems"]


def killed(desk: Desk, *arguments: str) -> None:
    """Begin, and die as soon as production is locked."""
    child = desk.start(*arguments)
    while "refs/deploy/lock/production" not in desk.refs():
        assert child.poll() is None
        time.sleep(0.02)
    time.sleep(0.5)
    child.send_signal(signal.SIGKILL)
    child.communicate()


def everywhere(desk: Desk, fix: str, call: Call) -> None:
    """The fix is live on production, main is there, and the branches before have it."""
    assert (0, "done") == (call.code, call.document["ending"]), call.err
    assert fix == desk.served("production") == head(desk, "main") == call.document["live"]
    assert contains(desk, "staging", fix)
    assert contains(desk, "develop", fix)
    assert "brought back" in call.document["message"]
    assert "invoke deploy --env staging" in call.document["hint"]
    assert at_rest(desk)


def test_a_hotfix_is_planned_confirmed_killed_resumed_and_comes_back(live: Desk) -> None:
    """The gates are those of production; a dead one is finished elsewhere, and comes back from there."""
    work = live.commit({"NOTES.md": f"half a feature {time.time()}\n"}, "half a feature")
    fix = hotfix(live, "hotfix/login", **{"FIX.md": f"{time.time()}\n"})
    before = live.refs()
    planned = live("hotfix", "--branch", "hotfix/login", "--plan")
    declined = live("hotfix", "--branch", "hotfix/login")

    assert 0 == planned.code, planned.err
    assert "never live anywhere" in planned.document["without"]
    assert ["fix of hotfix/login"] == [each["subject"] for each in planned.document["commits"]]
    assert ["staging", "develop"] == [move["branch"] for move in planned.document["backmerge"]["moves"]]
    assert (6, before) == (declined.code, live.refs())
    killed(live, "hotfix", "--branch", "hotfix/login", "--yes")
    assert before["refs/heads/main"] == head(live, "main")
    everywhere(live, fix, live("resume", "--env", "production", "--yes"))
    assert contains(live, "develop", work)
    assert ("release", fix) == tuple(
        next(each[key] for each in reversed(live.ledger()) if each["kind"] == "release")
        for key in ("kind", "commit")
    )
    assert "nothing" == live("promote", "--to", "production", "--yes").document["ending"]


def test_a_hotfix_leaves_a_dirty_clone_alone(live: Desk) -> None:
    """Files, index and branches of who calls it are as before; a second call finds nothing to do."""
    clone = live.world.clone
    fix = hotfix(live, "hotfix/dirty", **{"FIX.md": f"{time.time()}\n"})
    readme = (clone / "README.md").read_text()
    (clone / "README.md").write_text("changed\n")
    (clone / "staged.txt").write_text("staged\n")
    git(clone, "add", "staged.txt")
    try:
        before = dirt(clone)
        everywhere(live, fix, live("hotfix", "--branch", "hotfix/dirty", "--yes"))
        again = live("hotfix", "--branch", "hotfix/dirty", "--yes")

        assert before == dirt(clone)
        assert (0, "nothing") == (again.code, again.document["ending"])
    finally:
        git(clone, "rm", "-q", "-f", "staged.txt")
        (clone / "README.md").write_text(readme)


def dirt(clone: Path) -> tuple[str, ...]:
    """What a person would notice of his own work."""
    index = (clone / ".git" / "index").read_bytes().hex()
    texts = [(clone / name).read_text() for name in ("README.md", "staged.txt")]
    own = git(clone, "for-each-ref", "refs/heads"), git(clone, "status", "--porcelain")
    return (index, (clone / ".git" / "HEAD").read_text(), *texts, *own)


def test_a_hotfix_that_conflicts_is_live_all_the_same(live: Desk) -> None:
    """It was foretold in the plan; it is code 0 with the commands; they lead to aligned branches."""
    clone = live.world.clone
    live.commit({"NOTES.md": "as develop has it\n"}, "develop goes on")
    fix = hotfix(live, "hotfix/clash", **{"NOTES.md": "as the fix has it\n"})
    planned = live("hotfix", "--branch", "hotfix/clash", "--plan")
    done = live("hotfix", "--branch", "hotfix/clash", "--yes")

    assert ["NOTES.md"] == planned.document["backmerge"]["conflicts"]
    assert (0, "done") == (done.code, done.document["ending"]), done.err
    assert fix == live.served("production") == head(live, "main")
    assert "not brought back yet" in done.document["message"]
    assert "`NOTES.md`" in done.document["message"]
    assert not contains(live, "develop", fix)
    first, _merge, push = str(done.document["hint"]).split("`")[1:6:2]
    assert 0 == live(*first.split()[1:]).code
    git(clone, "fetch", "-q", "origin")
    git(clone, "switch", "-q", "--detach", "origin/develop")
    git(clone, *IDENTITY, "merge", "-q", "-X", "ours", "--no-edit", "origin/staging")
    git(clone, *push.split()[1:])
    assert "nothing" == live("backmerge", "--all").document["ending"]
    assert contains(live, "develop", fix)


@pytest.mark.parametrize(
    ("branch", "says"),
    [
        ("develop", "is the branch of development, no hotfix"),
        ("hotfix/nowhere", "the remote has no branch"),
        ("", "no branch was named"),
    ],
)
def test_what_is_no_hotfix(desk: Desk, branch: str, says: str) -> None:
    """A branch of the chain has its own way, and what is not there can't be released."""
    call = desk("hotfix", "--branch", branch, "--yes")

    assert (1, True) == (call.code, says in call.document["message"])


def test_a_hotfix_from_develop_is_refused(live: Desk) -> None:
    """It would carry to production what was proven nowhere."""
    live.commit({"NOTES.md": f"half a feature {time.time()}\n"}, "half a feature")
    hotfix(live, "hotfix/wrong", base="origin/develop", **{"FIX.md": f"{time.time()}\n"})
    before = live.refs()
    call = live("hotfix", "--branch", "hotfix/wrong", "--yes")

    assert (1, before) == (call.code, live.refs())
    assert "half a feature" in call.document["message"]
    assert "was not branched from `main`" in call.document["message"]


def test_a_hotfix_that_lags_behind_is_refused_with_the_merge(live: Desk) -> None:
    """Main went on since it was branched; the named command fixes it."""
    hotfix(live, "hotfix/late", **{"FIX.md": f"{time.time()}\n"})
    live.commit({"NOTES.md": f"{time.time()}\n"}, "main goes on")
    travel(live)
    call = live("hotfix", "--branch", "hotfix/late", "--yes")

    assert 1 == call.code
    assert "does not descend from the head of `main`: it lacks" in call.document["message"]
    assert "main goes on" in call.document["message"]


def test_a_back_merge_waits_for_who_releases(live: Desk) -> None:
    """While staging is being released, its branch is not moved: code 5; `--wait` comes after it."""
    hotfix(live, "main-by-hand", **{"FIX.md": f"{time.time()}\n"})
    live.commit({"NOTES.md": f"{time.time()}\n"}, "to staging")
    assert live("deploy", "--env", "development").code == 0
    child = live.start("promote", "--to", "staging")
    while "refs/deploy/lock/staging" not in live.refs():
        assert child.poll() is None
        time.sleep(0.02)
    git(live.world.origin, "update-ref", "refs/heads/main", "refs/heads/main-by-hand")
    waiting = live.start("backmerge", "--all", "--yes", "--wait")
    refused = live("backmerge", "--all", "--yes")
    promoted, moved = ended(child), ended(waiting)

    assert 0 == promoted.code, promoted.err
    assert 5 == refused.code, refused.err
    assert "staging is locked by" in refused.document["message"]
    assert 0 == moved.code, moved.err
    assert contains(live, "develop", head(live, "main-by-hand"))
