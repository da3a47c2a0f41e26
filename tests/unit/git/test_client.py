"""Refs, objects and pushes, against real repositories."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import pytest

from scripts.errors import CommandFailed, Refused
from scripts.git import client
from scripts.git.client import Git, StaleError
from scripts.git.command import Update
from scripts.git.files import TreeFile
from scripts.git.refusals import RETRY_DELAYS, retry_delay
from tests.support.repositories import Repository, bare, clone, seeded

LOCK = "refs/deploy/lock/staging"
LEDGER = "refs/heads/deploy-ledger"
DEVELOP = "refs/heads/develop"
NOBODY = "0123456789" * 4
STALE = "\n  | ! [rejected] abc -> refs/deploy/lock/staging (stale info)"
MET = "\n  | error: cannot lock ref 'refs/x': Unable to create '/o.git/refs/x.lock': File exists."


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the tester's own git configuration changes no test."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repositories(tmp_path: Path) -> tuple[Repository, Repository]:
    """A bare origin and the person's clone."""
    return seeded(tmp_path)


@pytest.fixture
def origin(repositories: tuple[Repository, Repository]) -> Repository:
    """The bare origin."""
    return repositories[0]


@pytest.fixture
def person(repositories: tuple[Repository, Repository]) -> Repository:
    """The person's clone."""
    return repositories[1]


@pytest.fixture
def desk(person: Repository) -> Git:
    """The person's clone, as the desk sees it."""
    return Git(person.folder, "origin")


def lock(desk: Git, who: str = "x") -> str:
    """A commit that could be a lock."""
    return desk.commit_json("lock.json", {"run": who}, f"lock by {who}", None)


# ---------------------------------------------------------------------------------------- refs


def test_refs_are_those_of_the_remote_now(desk: Git, person: Repository, origin: Repository) -> None:
    """Branches and deploy refs of the remote are seen; tags, and refs of the clone, are not."""
    person.git("branch", "only-here")
    person.git(
        "push",
        "-q",
        "origin",
        "develop:refs/deploy/lock/x",
        "develop:refs/tags/v1",
        "develop:refs/pull/1/head",
    )

    expected = {ref: sha for ref, sha in origin.refs().items() if ref in (DEVELOP, "refs/deploy/lock/x")}

    assert len(expected) == 2
    assert expected == desk.ls_remote()


def test_an_empty_remote_has_no_refs(tmp_path: Path) -> None:
    """A remote without a commit is no fault."""
    origin = bare(tmp_path / "empty.git")
    person = clone(origin, tmp_path / "clone")

    assert Git(person.folder, "origin").ls_remote() == {}


def test_an_unreachable_remote_is_a_failed_command(desk: Git, person: Repository) -> None:
    """Without the remote nothing is known, and that is code 3."""
    person.git("remote", "set-url", "origin", "file:///nowhere/at/all.git")

    with pytest.raises(CommandFailed) as caught:
        desk.ls_remote()

    assert caught.value.code == 3


@pytest.mark.parametrize("remote", ["--upload-pack=touch hacked", "-x", "ext::sh -c 'touch hacked'"])
def test_a_hostile_remote_name_runs_nothing(person: Repository, remote: str) -> None:
    """What is configured as remote is never an option, and no protocol runs a program."""
    with pytest.raises(CommandFailed):
        Git(person.folder, remote).ls_remote()

    assert not list(person.folder.rglob("hacked"))


# ---------------------------------------------------------------------------------------- fetch


def state(repository: Repository) -> dict[str, object]:
    """All that is the person's: files, index, HEAD, FETCH_HEAD, branches, tags, remote branches, stash."""
    git = repository.folder / ".git"
    files = {
        str(file.relative_to(repository.folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in repository.folder.rglob("*")
        if file.is_file() and git not in file.parents
    }
    own = {ref: sha for ref, sha in repository.refs().items() if not ref.startswith("refs/airhost/")}
    kept = {
        name: (git / name).read_bytes() if (git / name).exists() else None
        for name in ("index", "HEAD", "FETCH_HEAD", "ORIG_HEAD", "config", "logs/HEAD")
    }
    return {"files": files, "refs": own, **kept}


@pytest.mark.parametrize("shallow", [False, True])
def test_fetch_leaves_a_stale_detached_clone_as_it_is(tmp_path: Path, shallow: bool) -> None:
    """Old, detached, dirty, even shallow: the answer is the remote's, nothing of the person's changes."""
    origin, writer = seeded(tmp_path)
    options = ("--depth=1", "--branch=develop") if shallow else ("--branch=develop",)
    person = clone(origin, tmp_path / "stale", *options)
    person.git("switch", "-q", "--detach")
    person.git("branch", "mine")
    (person.folder / "file").write_text("changed, not committed")
    (person.folder / "staged").write_text("in the index")
    (person.folder / "untracked").write_text("in no commit")
    person.git("add", "staged")
    (person.folder / ".git" / "FETCH_HEAD").write_text("as the person left it\n")
    new = writer.commit("third")
    first = writer.git("rev-list", "--max-parents=0", "develop")
    writer.git("push", "-q", "origin", "develop", "develop:refs/heads/other", "develop:refs/tags/t1")
    before = state(person)
    desk = Git(person.folder, "origin")

    refs = desk.fetch([DEVELOP])

    assert new == refs[DEVELOP] == refs["refs/heads/other"]
    assert (desk.is_ancestor(first, new), desk.is_ancestor(new, first)) == (True, False)
    assert len(desk.log(new, None)) == 3
    assert before == state(person)


def test_fetch_ignores_refs_that_do_not_exist(desk: Git) -> None:
    """A branch before its first promotion is simply absent."""
    refs = desk.fetch([DEVELOP, "refs/heads/staging", LOCK])

    assert {DEVELOP} == set(refs)


def test_fetch_gets_the_objects_of_locks_and_ledger(tmp_path: Path, desk: Git, origin: Repository) -> None:
    """Commits that hang on no branch can be read after `fetch`."""
    held = lock(desk)
    desk.push([Update(LOCK, None, held)])
    other = clone(origin, tmp_path / "other")

    Git(other.folder, "origin").fetch([LOCK])

    assert other.git("cat-file", "-t", held) == "commit"


def test_fetch_follows_a_branch_that_was_rewritten(tmp_path: Path, desk: Git, origin: Repository) -> None:
    """After a forced push by somebody the new commit is the answer."""
    desk.fetch([DEVELOP])
    other = clone(origin, tmp_path / "other")
    other.git("switch", "-q", "--orphan", "fresh")
    rewritten = other.commit("from scratch")
    other.git("push", "-q", "--force", "origin", f"HEAD:{DEVELOP}")

    assert rewritten == desk.fetch([DEVELOP])[DEVELOP]
    assert len(desk.log(rewritten, None)) == 1


def test_fetch_copes_with_a_branch_that_became_a_folder(
    tmp_path: Path, desk: Git, origin: Repository
) -> None:
    """`fix` is gone and `fix/one` is there: what was seen before does not stand in the way."""
    other = clone(origin, tmp_path / "other")
    other.git("switch", "-q", "-c", "fix", "origin/develop")
    other.commit("fix")
    other.git("push", "-q", "origin", "fix")
    desk.fetch(["refs/heads/fix"])
    one = other.commit("one")
    other.git("push", "-q", "origin", ":fix", "HEAD:refs/heads/fix/one")

    assert one == desk.fetch(["refs/heads/fix/one"])["refs/heads/fix/one"]
    assert desk.log(one, None)[0].subject == "one"


def test_many_runs_may_fetch_in_one_clone(tmp_path: Path, origin: Repository, person: Repository) -> None:
    """Runs of several environments share a checkout without disturbing one another."""
    writer = clone(origin, tmp_path / "writer", "--branch=develop")
    new = writer.commit("third")
    writer.git("push", "-q", "origin", "develop")
    seen: list[str] = []

    def look() -> None:
        seen.append(Git(person.folder, "origin").fetch([DEVELOP])[DEVELOP])

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [new] * 6 == seen


# ---------------------------------------------------------------------------------------- resolve


@pytest.mark.parametrize(
    "hostile",
    [
        "--output=x",
        "-x",
        "--help",
        "--all",
        "$(id)",
        "`id`",
        "; id",
        "a b",
        "",
        ":file",
        "develop:file",
        "a..b",
        "develop..develop",
        "^develop",
        "no-such",
        NOBODY,
        "@{upstream}x",
        "HEAD^{tree}",
        "--",
        "\n",
        "develop\nmain",
        "../../etc/passwd",
        "*",
        "refs/heads/*",
        "HEAD:",
        "zz" * 20,
    ],
)
def test_hostile_revisions_are_refused(desk: Git, person: Repository, hostile: str) -> None:
    """What is no commit is refused by name; it is no option, no range, no program, and writes no file."""
    before = state(person)
    refs = desk.ls_remote()

    with pytest.raises(Refused) as caught:
        desk.resolve(hostile, refs)

    assert caught.value.message == f"`{hostile}` is no commit of this repository"
    assert before == state(person)
    assert not (person.folder / "x").exists()


def test_the_remotes_branch_wins(desk: Git, person: Repository, tmp_path: Path, origin: Repository) -> None:
    """A branch name means the remote's branch, not the stale or private one of the same name, nor a tag."""
    writer = clone(origin, tmp_path / "writer", "--branch=develop")
    theirs = writer.commit("theirs")
    writer.git("push", "-q", "origin", "develop")
    mine = person.commit("mine, pushed nowhere")
    person.git("tag", "develop", mine)

    assert theirs == desk.resolve("develop", desk.ls_remote())
    assert desk.log(theirs, None)[0].subject == "theirs"


def test_commits_and_tags_of_the_clone_are_found(desk: Git, person: Repository) -> None:
    """A full id, a short one, an annotated tag and a relative name all lead to the commit."""
    head, first = person.git("rev-parse", "HEAD"), person.git("rev-parse", "HEAD~1")
    person.git("tag", "-a", "-m", "annotated", "v1", first)
    refs = desk.ls_remote()

    assert [head, head, first, first] == [
        desk.resolve(name, refs) for name in (head, head[:10], "v1", f"{head}~1")
    ]


# ---------------------------------------------------------------------------------------- log


def test_the_log_is_newest_first_and_whole(desk: Git, person: Repository) -> None:
    """Each commit has id, author, time and subject; what the other side has is left out."""
    base = person.git("rev-parse", "HEAD")
    ids = [person.commit(f"change {number}\n\nbody") for number in range(3)]

    commits = desk.log(ids[-1], base)

    assert ids[::-1] == [commit.id for commit in commits]
    assert [commit.subject for commit in commits] == ["change 2", "change 1", "change 0"]
    assert {"Ada"} == {commit.author for commit in commits}
    assert desk.log(base, ids[-1]) == []
    assert len(desk.log(ids[-1], None, limit=2)) == 2


@pytest.mark.parametrize(
    "subject", ["", "::error::x", "tab\there", "a\x1b[31mred", "--output=x", "é ✓", "%H %n", "x" * 500]
)
def test_any_subject_can_be_read(desk: Git, person: Repository, subject: str) -> None:
    """A subject is only text, also when it is empty."""
    base, new = person.git("rev-parse", "HEAD"), person.commit(subject)

    assert [(new, subject)] == [(commit.id, commit.subject) for commit in desk.log(new, base)]


def test_a_base_that_is_not_here_leaves_nothing_out(desk: Git, person: Repository) -> None:
    """A ledger may name a commit that a rewritten branch lost: then the whole history is listed."""
    assert len(desk.log(person.git("rev-parse", "HEAD"), NOBODY)) == 2


# ---------------------------------------------------------------------------------------- commit_json


def test_a_written_commit_holds_one_json_file(desk: Git, person: Repository) -> None:
    """A document becomes a commit with one file, on top of its parent, and no ref or index moves."""
    before = state(person)
    first = desk.commit_json("event.json", {"b": "é", "a": [1]}, "a subject\nwith a body", None)
    second = desk.commit_json("event.json", {}, "$(id) --amend", first)

    assert person.git("show", f"{first}:event.json") == '{\n "a": [\n  1\n ],\n "b": "é"\n}'
    assert person.git("ls-tree", "--name-only", "-r", first) == "event.json"
    assert f"{second} {first}" == person.git("rev-list", "--parents", "-1", second)
    assert person.git("log", "-1", "--format=%s", second) == "$(id) --amend"
    assert person.git("log", "-1", "--format=%an", second) == "release desk"
    assert before == state(person)


def test_a_name_of_the_person_is_read_or_empty(desk: Git, person: Repository) -> None:
    """Who works here is what git knows."""
    assert desk.user_name() == ""

    person.git("config", "user.name", "Ada Lovelace")

    assert desk.user_name() == "Ada Lovelace"


# ---------------------------------------------------------------------------------------- push


def test_all_refs_of_a_push_move_together(desk: Git, origin: Repository) -> None:
    """A ref is made, one moves and one is deleted in one push."""
    held, head = lock(desk), origin.refs()[DEVELOP]
    desk.push([Update(LOCK, None, held)])
    ledger = desk.commit_json("event.json", {}, "event", None)
    new = desk.commit_json("file", {}, "on top", head)

    desk.push([Update(LEDGER, None, ledger), Update(LOCK, held, None), Update(DEVELOP, head, new)])

    assert {LEDGER: ledger, DEVELOP: new} == origin.refs()


@pytest.mark.parametrize(
    "stale", ["lock exists", "lock stolen", "lock gone", "branch moved", "branch is new"]
)
def test_a_stale_push_moves_nothing(desk: Git, origin: Repository, stale: str) -> None:
    """If one ref is not what was seen, none moves, and the error holds what the remote says now."""
    head = origin.refs()[DEVELOP]
    held, other, event = lock(desk), lock(desk, "other"), desk.commit_json("event.json", {}, "event", None)
    on_top = desk.commit_json("file", {}, "on top", head)
    if stale in ("lock exists", "lock stolen"):
        desk.push([Update(LOCK, None, other)])
    updates = {
        "lock exists": Update(LOCK, None, held),
        "lock stolen": Update(LOCK, held, None),
        "lock gone": Update(LOCK, held, event),
        "branch moved": Update(DEVELOP, event, on_top),
        "branch is new": Update(DEVELOP, None, on_top),
    }
    before = origin.refs()

    with pytest.raises(StaleError) as caught:
        desk.push([Update(LEDGER, None, event), updates[stale]])

    assert before == origin.refs() == caught.value.refs


def test_a_push_may_demand_that_a_branch_stays_where_it_is(
    desk: Git, origin: Repository, person: Repository
) -> None:
    """It moves nothing else once somebody has moved it; until then it is no part of what moves."""
    head = origin.refs()[DEVELOP]
    held = lock(desk)
    desk.push([Update(LOCK, None, held), Update(DEVELOP, head, head)])
    newer = person.commit("somebody's")
    person.git("push", "-q", "origin", "develop")

    with pytest.raises(StaleError):
        desk.push([Update(LOCK, held, None), Update(DEVELOP, head, head)])

    assert {LOCK: held, DEVELOP: newer} == origin.refs()


def test_a_branch_never_moves_backwards_unseen(desk: Git, origin: Repository, person: Repository) -> None:
    """A lease on an old head does not move a branch that somebody has moved on."""
    head = origin.refs()[DEVELOP]
    newer = person.commit("somebody's")
    person.git("push", "-q", "origin", "develop")
    mine = desk.commit_json("file", {}, "mine", head)

    with pytest.raises(StaleError):
        desk.push([Update(DEVELOP, head, mine)])

    assert newer == origin.refs()[DEVELOP]


def test_a_refused_push_is_no_stale_one(desk: Git, origin: Repository) -> None:
    """A protected branch is another fault than a lost race: its reason is shown."""
    origin.hook("pre-receive", "echo 'protected: ask the team' >&2; exit 1")
    before = origin.refs()

    with pytest.raises(CommandFailed, match="protected: ask the team") as caught:
        desk.push([Update(LOCK, None, lock(desk))])

    assert caught.value.code == 3
    assert before == origin.refs()


def test_one_refused_ref_holds_back_all(desk: Git, origin: Repository) -> None:
    """A hook that refuses the branch keeps the ledger and the lock where they are."""
    origin.hook("update", f'[ "$1" != {DEVELOP} ] || exit 1')
    head, event = origin.refs()[DEVELOP], desk.commit_json("event.json", {}, "event", None)
    on_top = desk.commit_json("file", {}, "on top", head)

    with pytest.raises(CommandFailed):
        desk.push([Update(LEDGER, None, event), Update(DEVELOP, head, on_top)])

    assert {DEVELOP: head} == origin.refs()


def test_a_lost_answer_that_arrived_is_a_success(desk: Git, origin: Repository) -> None:
    """The connection dies after the remote has moved the refs: a look at the remote settles it."""
    origin.hook("post-receive", "kill -9 $PPID")
    held = lock(desk)

    desk.push([Update(LOCK, None, held)])

    assert held == origin.refs()[LOCK]


def test_a_lost_answer_that_did_not_arrive_is_a_failure(desk: Git, origin: Repository) -> None:
    """The connection dies before the remote moves anything: nothing is taken for done."""
    origin.hook("pre-receive", "kill -9 $PPID")

    with pytest.raises(CommandFailed):
        desk.push([Update(LOCK, None, lock(desk))])

    assert LOCK not in origin.refs()


def test_a_late_answer_is_settled_by_looking(
    desk: Git, origin: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remote moved the refs but answers too late: a push that timed out is looked after as well."""
    origin.hook("post-receive", "sleep 4")
    monkeypatch.setattr(client, "NETWORK_TIMEOUT", 1.5)
    held = lock(desk)

    desk.push([Update(LOCK, None, held)])

    assert held == origin.refs()[LOCK]


def test_hooks_of_the_person_do_not_run(desk: Git, person: Repository, origin: Repository) -> None:
    """A pre-push hook that runs the person's tests has no say in a release."""
    hooks = Repository(person.folder / ".git")
    hooks.hook("pre-push", "exit 1")
    held = lock(desk)

    desk.push([Update(LOCK, None, held)])

    assert held == origin.refs()[LOCK]


def test_one_of_sixteen_contenders_wins(tmp_path: Path, origin: Repository, person: Repository) -> None:
    """However many want the lock at once, one gets it, and each of the others is told so."""
    clones = [clone(origin, tmp_path / f"machine-{number}") for number in range(4)]
    desks = [Git(clones[number % 4].folder, "origin") for number in range(16)]
    wishes = [lock(desk, f"run-{number}") for number, desk in enumerate(desks)]
    barrier = threading.Barrier(16)
    ended: dict[int, object] = {}

    def contend(number: int) -> None:
        barrier.wait()
        try:
            desks[number].push([Update(LOCK, None, wishes[number])])
            ended[number] = "won"
        except StaleError as stale:
            ended[number] = stale.refs.get(LOCK)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    winners = [number for number, ending in ended.items() if ending == "won"]

    assert len(winners) == 1
    assert wishes[winners[0]] == origin.refs()[LOCK]
    assert {wishes[winners[0]]} == {ending for ending in ended.values() if ending != "won"}
    assert len(ended) == 16


def test_a_late_heartbeat_or_release_does_not_free_a_stolen_lock(desk: Git, origin: Repository) -> None:
    """Who lost the lock can neither renew nor delete the thief's."""
    mine, thiefs = lock(desk, "me"), lock(desk, "thief")
    desk.push([Update(LOCK, None, mine)])
    desk.push([Update(LOCK, mine, thiefs)])

    for late in (Update(LOCK, mine, lock(desk, "me again")), Update(LOCK, mine, None)):
        with pytest.raises(StaleError):
            desk.push([late])

    assert thiefs == origin.refs()[LOCK]


@pytest.mark.parametrize("refusal", [MET, STALE])
def test_a_push_that_met_another_one_is_tried_again(refusal: str) -> None:
    """The remote's own lock files are there for milliseconds; so is the lock of a run that just ends."""
    delays = [retry_delay(refusal, "origin", tries) for tries in range(len(RETRY_DELAYS))]

    assert delays == list(RETRY_DELAYS)


@pytest.mark.parametrize(("refusal", "tries"), [("\n  | protected branch", 0), (MET, len(RETRY_DELAYS))])
def test_a_refusal_is_reported_in_the_remotes_words(refusal: str, tries: int) -> None:
    """It is not tried again, or not any more."""
    with pytest.raises(CommandFailed, match="was refused") as caught:
        retry_delay(refusal, "origin", tries)

    assert refusal in caught.value.message


# ---------------------------------------------------------------------------------------- objects


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

    found = {file.name: file.text for file in desk.read_tree(sha, "supabase/migrations")}

    assert list(found) == [
        "1_a.sql", "2_b.sql", "5_with a blank.sql", "6_é.sql", "inner/3_c.sql", "notes.md"
    ]  # fmt: skip
    assert (found["1_a.sql"] or "").encode("utf-8", "surrogateescape") == b"select '\xff\r\n\0\xc3\xa9'\n\n"
    assert (found["2_b.sql"], found["6_é.sql"]) == ("", "accent")


@pytest.mark.parametrize("path", ["nowhere", "supabase/nowhere", "file", "file/under", "*", "supa*"])
def test_a_folder_that_is_not_there_is_empty(desk: Git, sha: str, path: str) -> None:
    """An app without migrations yet has none; a folder's name is no pattern."""
    assert desk.read_tree(sha, path) == ()


def test_slashes_round_the_path_do_not_matter(desk: Git, sha: str) -> None:
    """`/supabase/migrations/` is the same folder."""
    assert desk.read_tree(sha, "supabase/migrations") == desk.read_tree(sha, "/supabase/migrations/")


@pytest.mark.parametrize("name", [b"1_line\nbreak.sql", b"1_\xff.sql"], ids=repr)
def test_a_file_of_an_odd_name_is_read(desk: Git, person: Repository, name: bytes) -> None:
    """A line break or foreign bytes in a name: whoever asked decides what that means."""
    folder = person.folder / "m"
    folder.mkdir()
    decoded = name.decode("utf-8", "surrogateescape")
    Path(bytes(folder).decode() + "/" + decoded).write_text("odd")
    odd = person.commit("odd")

    assert desk.read_tree(odd, "m") == (TreeFile(decoded, "odd"),)


LINKED = {
    "1_in.sql": ("../../db/a.sql", "select 1", ""),
    "2_chain.sql": ("1_in.sql", "select 1", ""),
    "3_out.sql": ("../../../elsewhere.sql", None, "is a symlink that leads out of the repository"),
    "4_root.sql": ("/etc/passwd", None, "is a symlink that leads out of the repository"),
    "5_gone.sql": ("../../db/gone.sql", None, "is a symlink to a file that the commit lacks"),
    "6_loop.sql": ("6_loop.sql", None, "is a symlink that leads back to itself"),
    "7_folder.sql": ("../../db", None, "is a symlink to a folder"),
    "8_under.sql": ("1_in.sql/x", None, "is a symlink through something that is no folder"),
}


def test_symlinks_are_followed_inside_the_commit(desk: Git, person: Repository) -> None:
    """Never out of it, and never in the working tree."""
    folder, target = person.folder / "supabase" / "migrations", person.folder / "db" / "a.sql"
    for each in (folder, target.parent):
        each.mkdir(parents=True)
    target.write_text("select 1")
    for name, (to, _, _) in LINKED.items():
        (folder / name).symlink_to(to)
    (person.folder / "migrations").symlink_to("supabase/migrations")
    (person.folder / "nowhere").symlink_to("gone")
    sha = person.commit("links")
    target.write_text("not committed")
    found = desk.read_tree(sha, "supabase/migrations")

    assert {file.name: (file.text, file.fault) for file in found} == {
        name: (text, fault) for name, (_, text, fault) in LINKED.items()
    }
    assert desk.read_tree(sha, "migrations") == found
    with pytest.raises(Refused, match="`nowhere` is a symlink to a file that the commit lacks"):
        desk.read_tree(sha, "nowhere")


def test_a_submodule_hides_its_files(desk: Git, person: Repository, sha: str) -> None:
    """Of the folder, above it, or in it."""
    for name in ("supabase", "db"):
        person.git("update-index", "--add", "--cacheinfo", f"160000,{sha},{name}/inner")
    person.git("commit", "-q", "-m", "submodules")
    tip = person.git("rev-parse", "HEAD")

    with pytest.raises(Refused, match="`supabase/inner` is a submodule"):
        desk.read_tree(tip, "supabase/inner/migrations")
    assert desk.read_tree(tip, "db") == (TreeFile("inner", None, "is a submodule"),)


def test_a_commit_that_is_not_here_is_a_failed_command(desk: Git) -> None:
    """A commit that a rewritten branch lost is said, not taken for one without files."""
    with pytest.raises(CommandFailed):
        desk.read_tree("0123456789" * 4, "supabase")


# ---------------------------------------------------------------------------------------- environment


def test_git_never_asks(desk: Git, person: Repository) -> None:
    """Without credentials git gives up instead of waiting for a person."""
    person.git("remote", "set-url", "origin", "ssh://127.0.0.1:1/x.git")
    started = time.monotonic()

    with pytest.raises(CommandFailed):
        desk.ls_remote()

    assert time.monotonic() - started < 10


def test_variables_that_point_git_elsewhere_do_not_pass(
    desk: Git, tmp_path: Path, origin: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a git hook (GIT_DIR is set there) the desk still works on the app's checkout."""
    elsewhere = bare(tmp_path / "elsewhere.git")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(elsewhere.folder))

    assert origin.refs() == desk.ls_remote()


def test_an_address_that_lags_behind_is_named(desk: Git, origin: Repository, tmp_path: Path) -> None:
    """A remote that is pushed to two places, of which one does not take all."""
    mirror = bare(tmp_path / "mirror.git")
    assert desk.lagging() == {}
    for address in (origin.folder, mirror.folder):
        Repository(desk.folder).git("remote", "set-url", "--add", "--push", "origin", str(address))
    behind = desk.lagging()

    assert [*behind] == [str(mirror.folder)]
    assert set(behind[str(mirror.folder)]) == set(desk.ls_remote())
