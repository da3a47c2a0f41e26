"""`backmerge` on plain repositories: what moves, what is refused, and what is never touched."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support import fork_server
from tests.support.desks import ROOT, Ended, configured, environment
from tests.support.repositories import Repository, bare, clone

BRANCHES = ("develop", "staging", "main")
PIPELINE = """
chain = ["development", "staging", "production"]
[app]
repository = {repository}
migrations = ""
[lock]
heartbeat = 1
ttl = 3
"""
ENVIRONMENT = """
[environment.{name}]
branch = "{branch}"
url = "http://127.0.0.1:9/{name}"
ssh_host = "{name}"
publish = "manual"
"""


@dataclass(frozen=True)
class Team:
    """A remote with three branches, GitHub's side of it, a person's clone, and the desk upon that."""

    origin: Repository
    github: Repository
    person: Repository
    env_dir: Path

    def heads(self) -> dict[str, str]:
        """Where the branches are, as an independent client sees them."""
        return {branch: self.origin.git("rev-parse", branch) for branch in BRANCHES}

    def trees(self) -> dict[str, str]:
        """The tree of each branch."""
        return {branch: self.origin.git("rev-parse", f"{branch}^{{tree}}") for branch in BRANCHES}

    def commit(self, branch: str, message: str, **files: str) -> str:
        """A commit on a branch of the remote."""
        self._at(branch)
        made = self.github.commit(message, **files)
        self.github.git("push", "-q", "origin", f"HEAD:{branch}")
        return made

    def button(self, source: str, into: str, *options: str) -> None:
        """Merge as GitHub's button does; `--squash` as its other entry does."""
        self._at(into)
        self.github.git("merge", "-q", *(options or ("--no-ff", "--no-edit")), f"origin/{source}")
        message = f"Merge pull request #{time.time_ns() % 1000} from acme/{source}"
        amend = () if "--squash" in options else ("--amend",)
        self.github.git("commit", "-q", *amend, "-m", message)
        self.github.git("push", "-q", "origin", f"HEAD:{into}")

    def _at(self, branch: str) -> None:
        self.github.git("fetch", "-q", "origin")
        self.github.git("checkout", "-q", "--detach", f"origin/{branch}")

    def desk(self, *arguments: str) -> Ended:
        """Call it as CI does."""
        child = fork_server.start(*arguments, "--json", cwd=ROOT, env=environment(self.env_dir))
        out, err = child.communicate(timeout=60)
        return Ended(child.returncode, out, err)

    def aligned(self) -> bool:
        """Each branch has all that the next one has."""
        try:
            for earlier, later in pairwise(BRANCHES):
                self.origin.git("merge-base", "--is-ancestor", later, earlier)
        except AssertionError:
            return False
        return True


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """Three branches at one commit."""
    origin = bare(tmp_path / "origin.git")
    github = clone(origin, tmp_path / "github")
    github.git("switch", "-q", "-c", "develop")
    github.commit("the app", app="1\n", lib="1\n")
    github.git("push", "-q", "origin", *(f"HEAD:refs/heads/{branch}" for branch in BRANCHES))
    person = clone(origin, tmp_path / "person", "-b", "develop")
    text = PIPELINE + "".join(
        ENVIRONMENT.format(name=name, branch=branch)
        for name, branch in zip(("development", "staging", "production"), BRANCHES, strict=True)
    )
    return Team(origin, github, person, configured(tmp_path / "env", person.folder, text))


@pytest.fixture
def first_day(team: Team) -> Team:
    """A team that has always merged through the button, twice along the chain, and is ahead again."""
    for number in (1, 2):
        team.commit("develop", f"feature {number}", **{f"feature{number}": "1\n"})
        team.button("develop", "staging")
        team.button("staging", "main")
    team.commit("develop", "feature 3", app="2\n")
    assert not team.aligned()
    return team


def refused(team: Team, *arguments: str, code: int = 1) -> Ended:
    """It ends with this code, and no ref of the remote is another than before."""
    before = team.origin.refs()
    ended = team.desk(*arguments)

    assert code == ended.code, ended.err
    assert before == team.origin.refs()
    assert "Traceback" not in ended.err
    return ended


def soiled(person: Repository) -> None:
    """The person is in the midst of something."""
    person.commit("mine, not pushed", mine="1")
    (person.folder / "app").write_text("changed, not staged\n")
    (person.folder / "lib").write_text("staged\n")
    person.git("add", "lib")
    (person.folder / "scratch").write_text("untracked\n")


def own(person: Repository) -> tuple[object, ...]:
    """All that is the person's: files, index, HEAD, branches, configuration (git's own notes are not)."""
    files = sorted(each for each in person.folder.iterdir() if each.is_file())
    refs = {ref: sha for ref, sha in person.refs().items() if ref.startswith("refs/heads/")}
    folder = person.folder / ".git"
    return (
        [(each.name, each.read_text()) for each in files],
        refs,
        [(folder / name).read_bytes() for name in ("index", "HEAD", "config")],
        (folder / "FETCH_HEAD").exists(),
    )


# ----------------------------------------------------------------------------------- the first day


def test_the_plan_of_the_first_day_changes_nothing(first_day: Team) -> None:
    """It says that it is harmless, names the merges, and moves no ref."""
    before = own(first_day.person)
    planned = refused(first_day, "backmerge", "--all", "--plan", code=0)

    assert planned.document["message"].startswith("harmless:")
    assert (True, True, None) == tuple(
        planned.document[key] for key in ("harmless", "unchanged", "refused")
    )
    assert "no file changes: they bring no content of their own" in planned.err
    assert "Merge pull request" in planned.err
    assert before == own(first_day.person)


def test_the_first_day_is_aligned_without_a_change(first_day: Team) -> None:
    """Trees are as before, each branch has the next one's commits, all in one push and one event."""
    soiled(first_day.person)
    before, trees, heads = own(first_day.person), first_day.trees(), first_day.heads()
    ended = first_day.desk("backmerge", "--all", "--yes")

    assert (0, "done") == (ended.code, ended.document["ending"]), ended.err
    assert first_day.aligned()
    assert trees == first_day.trees()
    assert trees == {branch: each["after"] for branch, each in ended.document["trees"].items()}
    assert trees == {branch: each["before"] for branch, each in ended.document["trees"].items()}
    assert "no file of any branch changed" in ended.document["message"]
    assert "invoke deploy --env development" in ended.document["hint"]
    now = first_day.heads()
    assert heads["main"] == now["main"]
    for branch in BRANCHES:  # forward only: no commit is lost
        first_day.origin.git("merge-base", "--is-ancestor", heads[branch], now[branch])
    assert before == own(first_day.person)
    assert [] == [ref for ref in first_day.origin.refs() if ref.startswith("refs/deploy/")]
    event = json.loads(first_day.origin.git("show", "deploy-ledger:event.json"))
    assert ("backmerge", "done") == (event["kind"], event["ending"])
    assert [("staging", now["staging"]), ("develop", now["develop"])] == [
        (move["branch"], move["new"]) for move in event["moves"]
    ]
    again = refused(first_day, "backmerge", "--all", code=0)
    assert "nothing" == again.document["ending"]


def test_promote_does_not_ask_for_it(first_day: Team) -> None:
    """What the button made brings nothing: only what a person wrote on `staging` has to come back first."""
    assert "is not proven" in refused(first_day, "promote", "--to", "staging").document["message"]
    first_day.commit("staging", "fix the login", login="fixed\n")
    ended = refused(first_day, "promote", "--to", "staging")

    assert "histories diverged" in ended.document["message"]
    assert "fix the login" in ended.document["message"]
    pasted = ended.document["hint"].split("`")[1].split()
    assert ["invoke", "backmerge", "--all", "--plan"] == pasted
    assert 0 == first_day.desk(*pasted[1:]).code


def test_squashed_releases_are_harmless_too(team: Team) -> None:
    """The button's other entry leaves the files of `develop` where a plain merge would conflict."""
    for number in (1, 2, 3):
        team.commit("develop", f"feature {number}", app=f"feature {number}\n")
        team.button("develop", "staging", "--squash", "-X", "theirs")
    team.commit("develop", "feature 4", app="feature 4\n")
    trees = team.trees()
    ended = team.desk("backmerge", "--all", "--yes")

    assert (0, True) == (ended.code, ended.document["harmless"]), ended.err
    assert trees == team.trees()


def test_a_pushed_commit_that_develop_has_not_is_no_harmless_one(first_day: Team) -> None:
    """A change on `main` among the merges is found, named, and comes back as a change."""
    fix = first_day.commit("main", "fix the login", login="fixed\n")
    planned = refused(first_day, "backmerge", "--all", "--plan", code=0)

    assert (False, False) == (planned.document["harmless"], planned.document["unchanged"])
    assert "harmless" not in planned.document["message"]
    assert "`A login`" in planned.err
    told = refused(first_day, "promote", "--to", "production")
    assert "fix the login" in told.document["message"]
    assert "harmless" not in told.document["message"]
    ended = first_day.desk("backmerge", "--all", "--yes")
    assert 0 == ended.code, ended.err
    assert first_day.aligned()
    first_day.origin.git("merge-base", "--is-ancestor", fix, "develop")
    assert ["fixed"] * 2 == [
        first_day.origin.git("show", f"{branch}:login") for branch in ("staging", "develop")
    ]
    assert "2" == first_day.origin.git("show", "develop:app")


def test_a_revert_on_main_is_no_harmless_one(team: Team) -> None:
    """Files that `develop` had once are not its present ones: the plan says what would be taken out."""
    team.commit("develop", "a feature", feature="1\n")
    team.button("develop", "staging")
    team.button("staging", "main")
    team._at("main")
    team.github.git("revert", "--no-edit", "-m", "1", "HEAD")
    team.github.git("push", "-q", "origin", "HEAD:main")
    planned = refused(team, "backmerge", "--all", "--plan", code=0)

    assert not planned.document["harmless"]
    assert "`D feature`" in planned.err


# ---------------------------------------------------------------------------------------- parts of it


def test_one_branch_alone(first_day: Team) -> None:
    """`--from` and `--to` take names, aliases and branches; the other branches stay."""
    heads = first_day.heads()
    ended = first_day.desk("backmerge", "--from", "main", "--to", "staging", "--yes")

    assert 0 == ended.code, ended.err
    assert ["staging"] == [move["branch"] for move in ended.document["moves"]]
    assert heads["develop"] == first_day.heads()["develop"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "development"), "development is not before development"),
        (("--from", "staging", "--to", "main"), "production is not before staging"),
        (("--from", "nowhere"), "there is no environment `nowhere`"),
        (("--all", "--to", "staging"), "`--all` is the whole chain"),
    ],
)
def test_a_way_that_is_none(team: Team, arguments: tuple[str, ...], says: str) -> None:
    """It is said what is wrong with it."""
    assert says in refused(team, "backmerge", *arguments, "--yes").document["message"]


def test_a_branch_that_is_not_there_yet_is_left_out(team: Team) -> None:
    """Before the first promotion there may be no `staging`: `main` goes straight into `develop`."""
    team.origin.git("update-ref", "-d", "refs/heads/staging")
    team.commit("main", "fix", login="1")
    ended = team.desk("backmerge", "--yes")

    assert ["develop"] == [move["branch"] for move in ended.document["moves"]]
    assert "fast-forward" == ended.document["moves"][0]["how"]


# -------------------------------------------------------------------------------------- what stops it


def test_nobody_said_yes(first_day: Team) -> None:
    """Without a terminal the plan is shown, and nothing moves."""
    ended = refused(first_day, "backmerge", "--all", code=6)

    assert "declined" == ended.document["ending"]
    assert "Merge pull request" in ended.err


def test_a_conflict_is_for_a_person(team: Team) -> None:
    """The files are named, nothing moves, and the commands lead to the very conflict, then to the end."""
    team.commit("main", "fix", app="fixed\n")
    team.commit("develop", "feature", app="feature\n")
    for option in ("--plan", "--yes"):
        ended = refused(team, "backmerge", "--all", option)
        assert "`app`" in ended.document["message"]
        assert ["app"] == ended.document["conflicts"]
    first, merge, push = ended.document["hint"].split("`")[1::2]
    assert 0 == team.desk(*first.split()[1:]).code
    shell(team.person, merge, code=1)
    assert "UU app" in team.person.git("status", "--porcelain")
    (team.person.folder / "app").write_text("fixed feature\n")
    team.person.git("commit", "-q", "-a", "-m", "by hand")
    shell(team.person, push)
    assert "nothing" == team.desk("backmerge", "--all").document["ending"]
    assert team.aligned()


def shell(person: Repository, line: str, code: int = 0) -> None:
    """Paste a command into the person's clone."""
    variables = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@x", "GIT_COMMITTER_NAME": "A"}
    ended = subprocess.run(
        ["sh", "-c", line],
        cwd=person.folder,
        env=environment(None, GIT_COMMITTER_EMAIL="a@x", **variables),
        capture_output=True,
        check=False,
    )
    assert code == ended.returncode, ended.stderr


def held(team: Team, task: str, *names: str) -> dict[str, str]:
    """Somebody's locks, as a desk writes them."""
    refs = {}
    for name in names:
        document = {"run": "r1", "nonce": name, "actor": "Bob", "host": "h", "task": task,
                    "environment": name, "commit": team.heads()["develop"], "ttl": 1}  # fmt: skip
        blob = team.origin.git("hash-object", "-w", "--stdin", stdin=json.dumps(document))
        tree = team.origin.git("mktree", stdin=f"100644 blob {blob}\tlock.json\n")
        refs[f"refs/deploy/lock/{name}"] = team.origin.git("commit-tree", tree, "-m", "lock")
    for ref, sha in refs.items():
        team.origin.git("update-ref", ref, sha)
    return refs


def test_a_run_at_work_is_not_disturbed(first_day: Team) -> None:
    """Where somebody releases, no branch moves: code 5 with his name; elsewhere it does not matter."""
    held(first_day, "promote", "staging")
    ended = refused(first_day, "backmerge", "--all", "--yes", code=5)

    assert "staging is locked by Bob" in ended.document["message"]
    first_day.origin.git("update-ref", "-d", "refs/deploy/lock/staging")
    held(first_day, "promote", "production")
    assert 0 == first_day.desk("backmerge", "--all", "--yes").code


def test_a_dead_backmerge_is_only_a_lock(first_day: Team) -> None:
    """It has moved nothing: `resume` frees all that it held, and it can be done again."""
    held(first_day, "backmerge", "staging", "development")
    heads = first_day.heads()
    ended = first_day.desk("resume", "--env", "staging")

    assert (0, "done") == (ended.code, ended.document["ending"]), ended.err
    assert heads == first_day.heads()
    assert [] == [ref for ref in first_day.origin.refs() if ref.startswith("refs/deploy/")]
    assert 0 == first_day.desk("backmerge", "--all", "--yes").code


def start(team: Team) -> subprocess.Popen[str]:
    """Begin a back-merge of all."""
    return fork_server.start(
        "backmerge", "--all", "--yes", "--json", cwd=ROOT, env=environment(team.env_dir)
    )


def test_of_several_at_once_one_wins(first_day: Team) -> None:
    """The others find the lock, or nothing left to do; never half a move."""
    trees = first_day.trees()
    children = [start(first_day) for _ in range(4)]
    ended = [(child.communicate(timeout=60), child.returncode) for child in children]
    endings = [(code, json.loads(out)["ending"]) for (out, _), code in ended]

    assert 1 == endings.count((0, "done")), ended
    assert set(endings) <= {(0, "done"), (0, "nothing"), (5, "failed")}, ended
    assert first_day.aligned()
    assert trees == first_day.trees()
    assert [] == [ref for ref in first_day.origin.refs() if ref.startswith("refs/deploy/")]
    assert 1 == int(first_day.origin.git("rev-list", "--count", "deploy-ledger"))


def test_a_branch_that_moves_meanwhile_stops_all(first_day: Team) -> None:
    """A push between the plan and the end: none of the branches moves, and no lock is left."""
    late = first_day.origin.git("commit-tree", "-p", "develop", "-m", "late", "develop^{tree}")
    first_day.origin.hook(
        "post-receive",
        "while read -r old new ref; do case $ref in refs/deploy/lock/development)"
        f" [ -e hooks/once ] || git update-ref refs/heads/develop {late}; touch hooks/once;; esac; done",
    )
    heads = first_day.heads()
    ended = first_day.desk("backmerge", "--all", "--yes")

    assert 5 == ended.code, ended.err
    assert "moved" in ended.document["message"]
    now = first_day.heads()
    assert (heads["staging"], heads["main"]) == (now["staging"], now["main"])
    assert late == now["develop"]
    assert [] == [ref for ref in first_day.origin.refs() if ref.startswith("refs/deploy/")]


def test_a_signal_in_the_last_push_leaves_no_lock(first_day: Team) -> None:
    """Code 130: all has moved or nothing has, and nobody is kept waiting."""
    first_day.origin.hook("update", "case $1 in refs/heads/staging) touch hooks/there; sleep 3;; esac")
    heads = first_day.heads()
    child = start(first_day)
    while not (first_day.origin.folder / "hooks" / "there").exists():
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=30)

    assert 130 == child.returncode, err
    assert 130 == json.loads(out)["code"]
    assert [] == [ref for ref in first_day.origin.refs() if ref.startswith("refs/deploy/")]
    assert (heads == first_day.heads()) != first_day.aligned()
    assert 0 == first_day.desk("backmerge", "--all", "--yes").code
