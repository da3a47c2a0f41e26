"""The fakes are held to the real parts: the same scenarios, the same answers, the same signatures."""

from __future__ import annotations

import ast
import inspect
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from scripts.database.edge_functions.deployed import Functions
from scripts.database.postgres.client import Postgres
from scripts.errors import CommandFailed, DeskError, Refused
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.git.content import Brought, brought
from scripts.git.merge import MergingGit
from scripts.replit.driver import Driver
from scripts.replit.manual import ManualDriver
from scripts.replit.mcp import McpDriver
from scripts.state.ledger import FILE, REF
from scripts.state.lock import lock_ref
from scripts.system import secret
from tests.fakes.database import FakeDatabase
from tests.fakes.driver import FakeDriver
from tests.fakes.functions import FakeFunctions
from tests.fakes.git import FakeGit, FakeRemote
from tests.support.repositories import Repository, bare, clone

DEVELOP, STAGING, LOCK = "refs/heads/develop", "refs/heads/staging", lock_ref("staging")
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PEOPLE = ("Ada", "Bob")
EPOCH = 1704067200  # 2024-01-01 in UTC, as in the fake
Files = Mapping[str, str]


class Scene(ABC):
    """One remote, and the clones of two people."""

    git: MergingGit
    other: MergingGit

    @abstractmethod
    def commit(self, files: Files, *parents: str, subject: str = "work", author: str = "Ada") -> str:
        """A commit with exactly these files, in the first clone; its id."""

    @abstractmethod
    def place(self, ref: str, commit: str | None) -> None:
        """Put a ref of the remote there, or delete it, whatever it was."""

    @property
    @abstractmethod
    def refs(self) -> dict[str, str]:
        """The remote's refs."""


class FakeScene(Scene):
    """In memory."""

    def __init__(self) -> None:
        self.remote = FakeRemote()
        self.git = cast(MergingGit, FakeGit(self.remote, name="Ada"))
        self.other = cast(MergingGit, FakeGit(self.remote, name="Bob"))

    def commit(self, files: Files, *parents: str, subject: str = "work", author: str = "Ada") -> str:
        return self.remote.add(files, parents, author, subject)

    def place(self, ref: str, commit: str | None) -> None:
        if commit is None:
            self.remote.refs.pop(ref, None)
        else:
            self.remote.refs[ref] = commit

    @property
    def refs(self) -> dict[str, str]:
        return dict(self.remote.refs)


class RealScene(Scene):
    """A bare repository, and two clones over the `file` protocol."""

    def __init__(self, folder: Path) -> None:
        self.origin = Repository(folder / "origin.git")
        self.people = [Repository(folder / name) for name in PEOPLE]
        self.git, self.other = (MergingGit(person.folder, "origin") for person in self.people)
        self.made = 0

    @staticmethod
    def template(folder: Path) -> None:
        """Make the repositories, to be copied for each test."""
        origin = bare(folder / "origin.git")
        for name in PEOPLE:
            person = clone(origin, folder / name, "--template=")
            person.git("config", "user.name", name)
            person.git("config", "user.email", f"{name}@example.org")
            person.git("remote", "set-url", "origin", "../origin.git")

    @property
    def person(self) -> Repository:
        """The first clone."""
        return self.people[0]

    def commit(self, files: Files, *parents: str, subject: str = "work", author: str = "Ada") -> str:
        when = f"{author} <{author}@example.org> {EPOCH + self.made} +0000"
        self.made += 1
        lines = ["commit refs/heads/scratch", "mark :1", f"author {when}", f"committer {when}"]
        lines += [f"data {len(subject.encode())}", subject]
        lines += [f"{'merge' if n else 'from'} {parent}" for n, parent in enumerate(parents)]
        lines.append("deleteall")
        for path, text in files.items():
            lines += [f'M 100644 inline "{path}"', f"data {len(text.encode())}", text]
        lines += ["get-mark :1", ""]
        self.person.git("update-ref", "-d", "refs/heads/scratch")
        return self.person.git("fast-import", "--quiet", "--force", stdin="\n".join(lines))

    def place(self, ref: str, commit: str | None) -> None:
        self.person.git("push", "-q", "--force", "origin", f"{commit or ''}:{ref}")

    @property
    def refs(self) -> dict[str, str]:
        return self.origin.refs()


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bare repository and two clones."""
    folder = tmp_path_factory.mktemp("repositories")
    RealScene.template(folder)
    return folder


@pytest.fixture(params=["fake", "real"])
def scene(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repositories: Path
) -> Scene:
    """The fake, then the real thing."""
    monkeypatch.setattr(secret, "_memory", secret._Memory())
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    if request.param == "fake":
        return FakeScene()
    shutil.copytree(repositories, tmp_path / "world", symlinks=True)
    return RealScene(tmp_path / "world")


def stale(git: MergingGit, *updates: Update) -> dict[str, str]:
    """The refs that a push is refused with."""
    with pytest.raises(StaleError) as caught:
        git.push(updates)
    return dict(caught.value.refs)


def ended(work: Any, *arguments: Any) -> type[DeskError]:
    """The kind of error that it ends with."""
    with pytest.raises(DeskError) as caught:
        work(*arguments)
    return type(caught.value)


# ---------------------------------------------------------------------------------------------- refs


def test_an_empty_remote_has_no_refs(scene: Scene) -> None:
    assert scene.git.ls_remote() == {}


def test_branches_and_deploy_refs_are_shown(scene: Scene) -> None:
    """Tags and pull requests are not."""
    commit = scene.commit({"a": "1"})
    for ref in (DEVELOP, LOCK, "refs/tags/v1", "refs/pull/1/head"):
        scene.place(ref, commit)

    assert scene.git.ls_remote() == {DEVELOP: commit, LOCK: commit}


def test_a_fetch_gives_all_refs_and_brings_the_wanted_objects(scene: Scene) -> None:
    """A ref that does not exist is no fault."""
    first = scene.commit({"a": "1"}, subject="first")
    scene.place(DEVELOP, first)
    scene.place(STAGING, first)
    refs = scene.other.fetch([DEVELOP, LOCK])

    assert refs == {DEVELOP: first, STAGING: first}
    assert [commit.subject for commit in scene.other.log(first, None)] == ["first"]


def test_what_a_clone_trusts_stays_whatever_is_fetched(scene: Scene) -> None:
    """What was seen last, until something is trusted expressly; None for a ref that was never wanted."""
    first, second = scene.commit({"a": "1"}), scene.commit({"a": "2"})
    scene.place(REF, first)
    assert scene.other.trusted(REF) is None
    scene.other.fetch([REF])
    assert scene.other.trusted(REF) == first
    scene.other.trust(REF, first)
    scene.place(REF, second)
    scene.other.fetch([REF])

    assert scene.other.trusted(REF) == first
    assert scene.other.trusted(STAGING) is None


def test_what_a_clone_pushed_it_has_seen(scene: Scene) -> None:
    """Its own event in the ledger counts as fetched."""
    commit = scene.git.commit_json(FILE, {"a": 1}, "event", None)
    scene.git.push([Update(REF, None, commit)])

    assert scene.git.trusted(REF) == commit


# -------------------------------------------------------------------------------------------- pushes


def test_a_push_creates_moves_and_deletes(scene: Scene) -> None:
    """All in one."""
    first = scene.commit({"a": "1"})
    second = scene.commit({"a": "2"}, first)
    scene.git.push([Update(DEVELOP, None, first), Update(LOCK, None, first)])
    assert scene.refs == {DEVELOP: first, LOCK: first}
    scene.git.push(
        [Update(DEVELOP, first, second), Update(LOCK, first, None), Update(STAGING, None, first)]
    )

    assert scene.refs == {DEVELOP: second, STAGING: first}


@pytest.mark.parametrize("what", ["moved", "deleted", "created"])
def test_a_ref_that_is_not_where_it_was_is_stale(scene: Scene, what: str) -> None:
    """The refs as they are come with the refusal, and nothing moved."""
    first = scene.commit({"a": "1"})
    second, third = scene.commit({"a": "2"}, first), scene.commit({"a": "3"}, first)
    old = None if what == "created" else first
    scene.place(DEVELOP, None if what == "deleted" else second)
    before = scene.refs

    assert stale(scene.git, Update(DEVELOP, old, third)) == before == scene.refs


def test_a_ref_that_somebody_else_moved_is_not_deleted(scene: Scene) -> None:
    """A late release of a lock does no harm."""
    first = scene.commit({"a": "1"})
    theirs = scene.commit({"a": "2"})
    scene.place(LOCK, theirs)

    assert stale(scene.git, Update(LOCK, first, None)) == {LOCK: theirs}
    assert scene.refs == {LOCK: theirs}


def test_one_stale_ref_moves_nothing(scene: Scene) -> None:
    """Atomic: also the refs that could have moved stay."""
    first = scene.commit({"a": "1"})
    second = scene.commit({"a": "2"}, first)
    scene.place(DEVELOP, first)
    scene.place(LOCK, second)
    stale(
        scene.git, Update(DEVELOP, first, second), Update(STAGING, None, first), Update(LOCK, first, None)
    )

    assert scene.refs == {DEVELOP: first, LOCK: second}


def test_of_two_that_push_the_second_loses(scene: Scene) -> None:
    """Both have seen the same; the loser finds the winner's id."""
    ours = scene.git.commit_json("lock.json", {"actor": "Ada"}, "lock", None)
    theirs = scene.other.commit_json("lock.json", {"actor": "Bob"}, "lock", None)
    scene.git.push([Update(LOCK, None, ours)])

    assert stale(scene.other, Update(LOCK, None, theirs)) == {LOCK: ours}


def test_a_push_that_had_arrived_already_is_no_fault(scene: Scene) -> None:
    """The answer to the first was lost: the remote's refs decide."""
    first = scene.commit({"a": "1"})
    scene.place(LOCK, first)
    updates = [Update(DEVELOP, None, first), Update(LOCK, first, None)]
    scene.git.push(updates)
    scene.git.push(updates)

    assert scene.refs == {DEVELOP: first}


# ------------------------------------------------------------------------------------- JSON in commits


def test_a_chain_of_events_is_read_oldest_first(scene: Scene) -> None:
    """By anybody who has fetched it, along first parents."""
    tip = None
    for number in range(3):
        tip = scene.git.commit_json(FILE, {"number": number, "text": "é\n"}, f"event {number}", tip)
    assert tip is not None
    scene.git.push([Update(REF, None, tip)])
    scene.other.fetch([REF])

    links = scene.other.chain(tip, FILE)
    assert [link.document for link in links] == [{"number": n, "text": "é\n"} for n in range(3)]
    assert [link.parents for link in links] == [(), (links[0].commit,), (links[1].commit,)]
    assert scene.other.log(tip, None)[0].subject == "event 2"


def test_a_side_branch_of_a_chain_is_not_read(scene: Scene) -> None:
    """Somebody merged the ledger."""
    first = scene.commit({FILE: '{"n": 1}'})
    side = scene.commit({FILE: '{"n": 2}'}, first)
    tip = scene.commit({FILE: '{"n": 3}'}, first, side)

    links = scene.git.chain(tip, FILE)
    assert [link.document for link in links] == [{"n": 1}, {"n": 3}]
    assert links[1].parents == (first, side)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"other": "1"}, f"it holds no file `{FILE}`"),
        ({FILE: "no json"}, f"its `{FILE}` is no JSON"),
        ({FILE: ""}, f"its `{FILE}` is no JSON"),
        ({FILE: "[1]"}, f"its `{FILE}` is no JSON object"),
        ({FILE: "null"}, f"its `{FILE}` is no JSON object"),
        ({FILE: "[" * 100_000}, f"its `{FILE}` is no JSON"),
    ],
)
def test_a_commit_without_readable_json_stops_nothing(scene: Scene, files: Files, fault: str) -> None:
    """Somebody wrote there by hand: the others are read all the same."""
    tip = scene.commit({FILE: '{"n": 3}'}, scene.commit(files, scene.commit({FILE: '{"n": 1}'})))
    links = scene.git.chain(tip, FILE)

    assert [link.document for link in links] == [{"n": 1}, {}, {"n": 3}]
    assert [link.fault for link in links] == ["", fault, ""]


def test_a_chain_of_commits_without_the_file_is_read(scene: Scene) -> None:
    """Somebody pushed another branch there."""
    tip = scene.commit({"b": "2"}, scene.commit({"a": "1"}))

    assert [link.fault for link in scene.git.chain(tip, FILE)] == [f"it holds no file `{FILE}`"] * 2


def test_a_document_of_a_commit_is_read_alone(scene: Scene) -> None:
    """Or what is wrong with it is said."""
    good, empty = scene.commit({"lock.json": '{"run": "r"}'}), scene.commit({"a": "1"})

    assert scene.git.document(good, "lock.json").document == {"run": "r"}
    assert "no" in scene.git.document(empty, "lock.json").fault


def test_secrets_are_not_written_into_commits(scene: Scene) -> None:
    """Neither into the file nor into the subject."""
    secret.remember("geheim-4711")
    commit = scene.git.commit_json(FILE, {"why": "it is geheim-4711"}, "with geheim-4711", None)

    assert "geheim" not in str(scene.git.chain(commit, FILE))
    assert "geheim" not in scene.git.log(commit, None)[0].subject


# --------------------------------------------------------------------------------------------- files


def files_of(scene: Scene, commit: str, folder: str) -> dict[str, str | None]:
    """The texts of a folder."""
    return {file.name: file.text for file in scene.git.read_tree(commit, folder)}


def test_the_files_of_a_folder_are_read(scene: Scene) -> None:
    """Whatever their names and however deep; {} where there is no such folder."""
    commit = scene.commit(
        {"m/2.sql": "two\n", "m/1.sql": "one", "m/note.md": "x", "m/deep/3.sql": "x", "mm/4.sql": "x"}
    )
    found = {"1.sql": "one", "2.sql": "two\n", "deep/3.sql": "x", "note.md": "x"}

    assert files_of(scene, commit, "m") == found
    assert list(files_of(scene, commit, "/m/")) == sorted(found)
    assert files_of(scene, commit, "m/deep") == {"3.sql": "x"}
    assert files_of(scene, commit, "nowhere") == {}
    assert scene.git.read_file(commit, "m/2.sql") == "two\n"
    assert [scene.git.read_file(commit, path) for path in ("m", "m/3.sql", "a\nb")] == [None] * 3


def test_a_commit_is_written_to_the_disk(scene: Scene, tmp_path: Path) -> None:
    """All of it, into a folder that is new."""
    scene.git.write_files(scene.commit({"a.txt": "one", "m/deep/2.sql": "two\n"}), tmp_path / "out")

    assert (tmp_path / "out" / "a.txt").read_text() == "one"
    assert (tmp_path / "out" / "m" / "deep" / "2.sql").read_text() == "two\n"


def test_a_file_is_changed_without_a_checkout(scene: Scene) -> None:
    """The others stay, and the commit is on no branch."""
    parent = scene.commit({"m/1.sql": "one", "m/2.sql": "two"})
    commit = scene.git.commit_file(parent, "m/2.sql", "broken", "drill")

    assert files_of(scene, commit, "m") == {"1.sql": "one", "2.sql": "broken"}
    assert scene.git.is_ancestor(parent, commit)
    assert scene.git.log(commit, parent)[0].subject == "drill"
    assert scene.refs == {}


# ------------------------------------------------------------------------------------------- history


@pytest.fixture
def history(scene: Scene) -> dict[str, str]:
    """`base`; a side branch of `one` and an `empty` commit; `two` on the trunk; and their `merge`."""
    made: dict[str, str] = {}

    def add(name: str, files: Files, *parents: str, author: str = "Ada") -> None:
        ids = (made[parent] for parent in parents)
        made[name] = scene.commit(files, *ids, subject=name, author=author)

    add("base", {"a": "1"})
    add("one", {"a": "1", "b": "1"}, "base", author="Bob")
    add("two", {"a": "2"}, "base")
    add("empty", {"a": "1", "b": "1"}, "one")
    add("merge", {"a": "2", "b": "1"}, "two", "empty")
    return made


def names(history: Mapping[str, str], commits: Iterable[str]) -> list[str]:
    """Ids as names."""
    back = {commit: name for name, commit in history.items()}
    return [back[commit] for commit in commits]


def test_the_log_is_newest_first(scene: Scene, history: dict[str, str]) -> None:
    """With author, date and subject; without what another commit has; not longer than asked."""
    log = scene.git.log(history["merge"], None)
    without = scene.git.log(history["merge"], history["two"])

    assert [commit.subject for commit in log] == ["merge", "empty", "two", "one", "base"]
    assert [(c.author, c.at[:19]) for c in log[3:]] == [
        ("Bob", "2024-01-01T00:00:01"),
        ("Ada", "2024-01-01T00:00:00"),
    ]
    assert [commit.id for commit in log] == [history[commit.subject] for commit in log]
    assert [commit.subject for commit in without] == ["merge", "empty", "one"]
    assert [c.subject for c in scene.git.log(history["merge"], None, limit=1)] == ["merge"]


def test_what_this_clone_lacks_takes_nothing_from_the_log(scene: Scene, history: dict[str, str]) -> None:
    """A branch that was rewritten elsewhere."""
    assert len(scene.git.log(history["two"], "0123456789" * 4)) == 2


def test_one_commit_contains_another(scene: Scene, history: dict[str, str]) -> None:
    """Itself, and all that it descends from; by any parent."""
    contains = scene.git.is_ancestor

    assert contains(history["base"], history["base"])
    assert contains(history["one"], history["merge"])
    assert not contains(history["merge"], history["one"])
    assert not contains(history["one"], history["two"])


def test_the_commits_between_two(scene: Scene, history: dict[str, str]) -> None:
    """All, and those made on the branch itself."""
    git, base, merge = scene.git, history["base"], history["merge"]

    assert names(history, git.commits_between(base, merge)) == ["merge", "empty", "two", "one"]
    assert names(history, git.first_parents_between(base, merge)) == ["merge", "two"]
    assert git.commits_between(merge, base) == []
    assert names(history, git.commits_between(history["two"], merge)) == ["merge", "empty", "one"]


def test_a_history_has_trees_and_parents(scene: Scene, history: dict[str, str]) -> None:
    """Parents before children, each with the tree of its files; a commit that is not here has none."""
    git, merge = scene.git, history["merge"]
    rows = {row.id: row for row in git.history(merge)}

    assert set(rows) == set(history.values())
    assert rows[merge].parents == (history["two"], history["empty"])
    assert rows[merge].tree == git.tree_id(merge)
    order = [*rows]
    assert all(order.index(parent) < order.index(row.id) for row in rows.values() for parent in row.parents)
    assert git.trees([merge, "0123456789" * 4]) == {merge: git.tree_id(merge)}


def test_a_history_has_dates(scene: Scene, history: dict[str, str]) -> None:
    """Of several commits, each ancestor once; what is not here is left out."""
    git, commits = scene.git, [history["merge"], history["one"], "0123456789" * 4, "no commit"]
    rows = {row.id: row for row in git.dated(commits)}

    assert set(rows) == set(history.values())
    assert rows[history["merge"]].parents == (history["two"], history["empty"])
    assert all(EPOCH <= row.at < EPOCH + 3600 for row in rows.values())
    assert git.dated(["no commit"]) == []


def test_what_a_button_makes_has_no_content_of_its_own(scene: Scene, history: dict[str, str]) -> None:
    """A squash has none, nor has a rebased copy; a fix has."""
    git, merge = scene.git, history["merge"]
    squashed = scene.commit({"a": "2", "b": "1"}, history["base"], subject="squashed")
    fix = scene.commit({"a": "2", "b": "1", "fix": "1"}, squashed, subject="fix")
    copy = scene.commit({"a": "2", "b": "1"}, history["two"], subject="copy of one")

    assert brought(git, merge, squashed) == Brought(1, (), 1, merge)
    assert brought(git, merge, fix).own == (fix,)
    assert git.copied(history["empty"], copy) == {copy}
    assert git.copied(merge, fix) == frozenset()


def test_files_come_from_the_commit_that_changed_them(scene: Scene, history: dict[str, str]) -> None:
    """Not from the button's merge of them, nor from an empty commit."""
    work = scene.commit({"a": "2", "c": "1"}, history["two"], subject="work")
    button = scene.commit({"a": "2", "c": "1"}, history["two"], work, subject="Merge pull request")
    empty = scene.commit({"a": "2", "c": "1"}, button, subject="empty")

    assert scene.git.content_commit(empty) == work
    assert scene.git.content_commit(history["merge"]) == history["merge"]


def test_trees_are_compared_by_their_files(scene: Scene) -> None:
    """Equal for equal files; the differences are named."""
    old = scene.commit({"gone": "1", "kept": "1", "changed": "1"})
    new = scene.commit({"kept": "1", "changed": "2", "added": "1"}, old)
    again = scene.commit({"kept": "1", "changed": "2", "added": "1"})
    tree = scene.git.tree_id

    assert tree(new) == tree(again) != tree(old)
    assert scene.git.name_status(tree(old), tree(new)) == ["A added", "M changed", "D gone"]
    assert scene.git.name_status(tree(new), tree(again)) == []


# --------------------------------------------------------------------------------------------- merges


def test_a_clean_merge(scene: Scene) -> None:
    """What one side changed, added or deleted is so afterwards; both sides may do the same."""
    base = scene.commit({"a": "1", "b": "1", "gone": "1", "same": "1"})
    ours = scene.commit({"a": "2", "b": "1", "gone": "1", "same": "2", "new": "1"}, base, subject="ours")
    theirs = scene.commit({"a": "1", "b": "2", "same": "2"}, base, subject="theirs")
    scene.git.require_merge_tree()
    merged = scene.git.merge_tree(ours, theirs)
    commit = scene.git.merge_commit(merged.tree, ours, theirs, "Merge it\n\nbecause\n")
    expected = scene.commit({"a": "2", "b": "2", "same": "2", "new": "1"})
    log = scene.git.log(commit, None)

    assert merged.conflicts == ()
    assert merged.tree == scene.git.tree_id(commit) == scene.git.tree_id(expected)
    assert (log[0].subject, log[0].author) == ("Merge it", "Ada")
    assert scene.git.first_parents_between(base, commit) == [commit, ours]
    assert scene.git.is_ancestor(theirs, commit)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [({"a": "2", "b": "1"}, {"a": "3", "b": "2"}), ({"a": "2", "b": "1"}, {"b": "2"})],
    ids=["both changed", "one deleted"],
)
def test_a_conflict_names_its_files(scene: Scene, ours: Files, theirs: Files) -> None:
    """Only those that a person has to merge."""
    base = scene.commit({"a": "1", "b": "1"})

    assert scene.git.merge_tree(scene.commit(ours, base), scene.commit(theirs, base)).conflicts == ("a",)


def test_both_sides_added_the_same_file_differently(scene: Scene) -> None:
    """A conflict, too."""
    base = scene.commit({"a": "1"})
    ours, theirs = (scene.commit({"a": "1", "new": text}, base) for text in "xy")

    assert scene.git.merge_tree(ours, theirs).conflicts == ("new",)


def test_unrelated_histories_are_not_merged(scene: Scene) -> None:
    ours, theirs = scene.commit({"a": "1"}, subject="ours"), scene.commit({"b": "1"}, subject="theirs")

    assert ended(scene.git.merge_tree, ours, theirs) is CommandFailed


# ------------------------------------------------------------------------------------------ revisions


def test_a_revision_is_a_branch_of_the_remote_or_a_commit(scene: Scene) -> None:
    """The branch as the refs have it; an id whole or shortened."""
    first = scene.commit({"a": "1"})
    second = scene.commit({"a": "2"}, first)
    scene.place("refs/heads/feature/x", second)
    refs = scene.git.ls_remote()

    assert scene.git.resolve("feature/x", refs) == second
    assert scene.git.resolve(first, refs) == first
    assert scene.git.resolve(first[:12], refs) == first


@pytest.mark.parametrize("revision", ["nowhere", "0123456789" * 4, "-x", "a..b", "", "x y"])
def test_what_is_no_commit_is_refused(scene: Scene, revision: str) -> None:
    """Unknown or malformed: never run as an option or a range."""
    scene.commit({"a": "1"})

    assert ended(scene.git.resolve, revision, {}) is Refused


def test_the_persons_name_is_that_of_the_clone(scene: Scene) -> None:
    assert (scene.git.user_name(), scene.other.user_name()) == ("Ada", "Bob")


# ----------------------------------------------------------------------------------------- signatures


def members(kind: type) -> dict[str, str]:
    """The public methods of a class, each with its parameters; properties without."""
    found = {}
    for name, value in inspect.getmembers(kind):
        if name.startswith("_"):
            continue
        if inspect.isfunction(value):
            parameters = inspect.signature(value).parameters.values()
            found[name] = ", ".join(
                f"{each.kind.name} {each.name}{'' if each.default is each.empty else f'={each.default!r}'}"
                for each in parameters
            )
    return found


def attributes(kind: type) -> set[str]:
    """All public names: methods, properties, class attributes, and the fields of a dataclass."""
    fields = set(getattr(kind, "__dataclass_fields__", {}))
    return {name for name in dir(kind) if not name.startswith("_")} | fields


def test_the_fake_clone_has_every_method_of_the_real_one() -> None:
    """With the same parameters."""
    assert members(FakeGit) == members(MergingGit)
    assert {"folder", "remote"} <= attributes(FakeGit)


@pytest.mark.parametrize("kind", [FakeDriver, McpDriver, ManualDriver])
def test_a_driver_has_all_that_the_protocol_asks_for(kind: type) -> None:
    """Every member, and the same parameters."""
    known = members(kind)

    assert attributes(Driver) - attributes(kind) == set()
    assert {name: known[name] for name in members(Driver)} == members(Driver)


def test_the_fake_project_has_what_releases_ask_for() -> None:
    """With the same parameters."""
    real, fake = members(Functions), members(FakeFunctions)

    assert {name: fake[name] for name in ("listed", "deploy")} == {
        name: real[name] for name in ("listed", "deploy")
    }


def _asked_of_a_database() -> set[str]:
    """The methods that releases call on `postgres`, by their sources."""
    files = [*(SCRIPTS / "release").glob("*.py"), *(SCRIPTS / "database" / "migrations").glob("*.py")]
    found = set()
    for file in files:
        nodes = [*ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
        # `with postgres.connected() as same`: what is asked over the same connection
        same = {
            ast.unparse(each.optional_vars)
            for each in nodes
            if isinstance(each, ast.withitem) and each.optional_vars
            if ast.unparse(each.context_expr).endswith("postgres.connected()")
        }
        for node in nodes:
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in {"postgres", *same}:
                found.add(node.attr)
    return found


def test_the_fake_database_has_what_releases_ask_for() -> None:
    """With the same parameters."""
    asked, real, fake = _asked_of_a_database(), members(Postgres), members(FakeDatabase)

    assert {"history", "undo", "exclusive", "catalogue", "end_desks"} <= asked
    assert {name: fake.get(name) for name in asked} == {name: real[name] for name in asked}
