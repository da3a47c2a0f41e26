"""What a checkout's own `.git` says runs nothing and changes nothing; what the person and CI say counts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.errors import CommandFailed, Unreachable
from scripts.git.client import Git
from scripts.git.command import Update, branch_named, committable_files
from scripts.git.environment import from_process, of_job
from scripts.git.isolation import NAME, checkout_of, left_out
from scripts.git.merge import MergingGit, export_folder
from scripts.system.secret import redact
from tests.support.repositories import ENVIRONMENT, Repository, clone, seeded

DEVELOP = "refs/heads/develop"
PROGRAMS = (
    *("core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.pager", "core.editor", "core.askPass"),
    *(
        "core.alternateRefsCommand",
        "credential.helper",
        "diff.external",
        "diff.x.command",
        "diff.x.textconv",
    ),
    *("filter.x.clean", "filter.x.smudge", "filter.x.process", "merge.x.driver", "gpg.program"),
    *("gpg.ssh.program", "remote.origin.uploadpack", "remote.origin.receivepack", "tar.tar.command"),
    *(
        "uploadpack.packObjectsHook",
        "alias.fetch",
        "alias.rev-list",
        "sequence.editor",
        "trailer.x.command",
    ),
)
READS = {
    "log.showSignature": "true", "log.date": "relative", "format.pretty": "oneline",
    "core.quotePath": "true", "i18n.logOutputEncoding": "UTF-16", "log.decorate": "full",
    "color.ui": "always", "diff.noprefix": "true", "core.abbrev": "4",
    "diff.renames": "copies", "merge.renames": "false", "core.bare": "true",
    "grep.lineNumber": "true", "log.follow": "true", "core.ignoreCase": "true", "fetch.prune": "true",
    "push.gpgSign": "true", "push.followTags": "true", "transfer.hideRefs": "refs/heads",
    "remote.origin.mirror": "true", "remote.origin.fetch": "+refs/*:refs/*", "core.commentChar": "x",
}  # fmt: skip


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's own configuration: empty at first."""
    file = tmp_path / "gitconfig"
    file.touch()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(file))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return file


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    """The bare origin, with `develop` and a branch `other` that changes another file."""
    origin, person = seeded(tmp_path / "world")
    person.git("switch", "-q", "-c", "other")
    (person.folder / "data").mkdir()
    person.commit("theirs", **{"data/more__txt": "more", ".gitattributes": "* merge=x filter=x diff=x\n"})
    person.git("push", "-q", "origin", "other")
    return origin


@pytest.fixture
def person(tmp_path: Path, origin: Repository) -> Repository:
    """A fresh clone."""
    return clone(origin, tmp_path / "clone", "-b", "develop")


def everything(git: MergingGit, into: Path) -> object:
    """What the desk reads of a checkout and writes to its remote."""
    refs = git.fetch([DEVELOP, "refs/heads/other"])
    develop, other = refs[DEVELOP], refs["refs/heads/other"]
    note = git.commit_json("note.json", {"a": 1}, "a note", None)
    git.push([Update("refs/deploy/lock/x", None, note)])
    git.push([Update("refs/deploy/lock/x", note, None)])
    export_folder(git, other, ".", into)
    merged = git.merge_tree(develop, other)
    return (
        refs, git.log(other, None), git.commits_between(develop, other), git.name_status(develop, other),
        git.history(other, develop), git.copied(develop, other), git.content_commit(other), merged,
        git.read_tree(other, "data"), git.is_ancestor(develop, other), git.resolve("develop", refs),
        sorted(path.name for path in into.iterdir()), committable_files(git.folder, "*"),
    )  # fmt: skip


def test_nothing_that_a_checkout_configures_runs_or_changes_what_is_read(
    person: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs, hooks, attributes, grafts, replaced objects, and settings of the output."""
    monkeypatch.setattr("scripts.git.client.time.sleep", lambda _seconds: None)
    before = everything(MergingGit(person.folder, "origin"), tmp_path / "a")
    mark, inner = tmp_path / "ran", person.folder / ".git"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0" >>{mark}\nexit 1\n')
    program.chmod(0o755)
    for key in PROGRAMS:
        person.git("config", key, str(program))
    for key, value in READS.items():
        person.git("config", key, value)
    for hook in (
        "reference-transaction",
        "pre-push",
        "post-index-change",
        "post-checkout",
        "fsmonitor-watchman",
    ):
        Repository(inner).hook(hook, f"echo {hook} >>{mark}; exit 1")
    (inner / "info" / "attributes").write_text("* merge=x filter=x diff=x export-ignore\n")
    head, first = (person.git("rev-parse", name).strip() for name in ("HEAD", "HEAD~1"))
    (inner / "info" / "grafts").write_text(f"{head}\n")
    (inner / "refs" / "replace").mkdir()
    (inner / "refs" / "replace" / head).write_text(f"{first}\n")
    hooks = inner / NAME / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "reference-transaction").symlink_to(program)
    (inner / NAME / "commondir").write_text("..\n")

    again = everything(MergingGit(person.folder, "origin"), tmp_path / "b")

    assert again == before
    assert not mark.exists(), mark.read_text()
    named = left_out(person.folder)
    assert {"core.sshcommand", "remote.origin.uploadpack", "credential.helper"} <= set(named)
    assert "remote.origin.url" not in named


def test_a_signed_commit_is_an_id_and_nothing_else(person: Repository, mine: Path, tmp_path: Path) -> None:
    """`log.showSignature` of the person's own configuration printed lines before each id."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")
    mine.write_text(
        f'[gpg]\nformat = ssh\n[gpg "ssh"]\nallowedSignersFile = {allowed}\n[log]\nshowSignature = true\n'
        f"[user]\nsigningKey = {key}\n[i18n]\nlogOutputEncoding = UTF-16\n"
    )
    subprocess.run(
        ["git", "commit", "-q", "-S", "--allow-empty", "-m", "signed"],
        cwd=person.folder, env={**ENVIRONMENT, "GIT_CONFIG_GLOBAL": str(mine)}, check=True,
    )  # fmt: skip
    git = MergingGit(person.folder, "origin")
    head = person.git("rev-parse", "HEAD")

    assert [(each.id, each.subject) for each in git.log(head, "HEAD~1")] == [(head, "signed")]
    assert [row.id for row in git.history(head, "HEAD~1")] == [head]


def test_the_persons_own_configuration_counts_for_the_network(
    person: Repository, mine: Path, origin: Repository
) -> None:
    """Where the remote is, by `insteadOf`, also by a part of it that goes by the checkout's folder."""
    inner = mine.with_name("for-work")
    inner.write_text(f'[url "file://{origin.folder}"]\ninsteadOf = work:app\n')
    mine.write_text(f'[includeIf "gitdir:{person.folder.parent}/"]\npath = {inner}\n[user]\nname = Ada L\n')
    person.git("remote", "set-url", "origin", "work:app")

    assert DEVELOP in Git(person.folder, "origin").ls_remote()
    assert Git(person.folder, "origin").user_name() == "Ada L"
    person.git("config", "user.name", "Ada of this app")
    assert Git(person.folder, "origin").user_name() == "Ada of this app"


def test_an_unreachable_remote_names_what_is_not_used(person: Repository) -> None:
    """A person whose ssh command stands in the checkout's own configuration finds out why."""
    person.git("config", "core.sshCommand", "ssh -i key")
    person.git("remote", "set-url", "origin", "file:///nowhere/at/all.git")

    with pytest.raises(Unreachable) as caught:
        Git(person.folder, "origin").ls_remote()

    assert "`core.sshcommand` of the checkout's `.git/config` are not used" in str(caught.value.hint)


def shallow(person: Repository, origin: Repository, folder: Path) -> Path:
    """A clone of one commit."""
    return clone(origin, folder, "--depth", "1", "-b", "develop").folder


def worktree(person: Repository, _origin: Repository, folder: Path) -> Path:
    """A second working tree of the clone."""
    person.git("worktree", "add", "-q", "--detach", str(folder), "HEAD")
    return folder


def packed(person: Repository, _origin: Repository, _folder: Path) -> Path:
    """All refs in one file, and the index in two."""
    person.git("pack-refs", "--all")
    person.git("update-index", "--split-index")
    return person.folder


def partial(_person: Repository, origin: Repository, folder: Path) -> Path:
    """A clone that gets its files when it needs them."""
    origin.git("config", "uploadpack.allowFilter", "true")
    return clone(origin, folder, "--filter=blob:none", "--no-checkout", "-b", "develop").folder


@pytest.mark.parametrize("made", [shallow, worktree, packed, partial])
def test_every_kind_of_checkout_works(
    made: Callable[[Repository, Repository, Path], Path],
    person: Repository,
    origin: Repository,
    tmp_path: Path,
) -> None:
    """And what is fetched, or made whole, is so for the person, too."""
    folder = made(person, origin, tmp_path / "made")
    git = MergingGit(folder, "origin")
    late = clone(origin, tmp_path / "another", "-b", "other")
    (late.folder / "data").mkdir(exist_ok=True)
    newest = late.commit("newest")
    late.git("push", "-q")

    everything(git, tmp_path / "a")

    assert not git._is_shallow()
    assert Repository(folder).git("rev-parse", "--is-shallow-repository") == "false"
    assert [each.subject for each in git.log("HEAD", None)] == ["second", "first"]
    assert Repository(folder).git("cat-file", "-t", newest) == "commit"


def test_a_broken_or_foreign_folder_of_ours_is_made_again(person: Repository, tmp_path: Path) -> None:
    """Another program's file there, or a link in its place, is gone before git reads anything."""
    own = person.folder / ".git" / NAME
    own.symlink_to(tmp_path)

    assert Git(person.folder, "origin").ls_remote()
    assert own.is_dir()
    assert not own.is_symlink()
    assert not (tmp_path / "HEAD").exists()


def test_no_link_of_ours_leads_nowhere(person: Repository) -> None:
    """Node's test runner walks through `.git` too, and fails on one. What comes later is linked then."""
    own = person.folder / ".git" / NAME
    git = Git(person.folder, "origin")
    head = person.git("rev-parse", "HEAD")
    git.resolve("HEAD", {})

    assert not [link for link in own.rglob("*") if link.is_symlink() and not link.exists()]

    person.git("update-ref", "refs/heads/packed", head)
    person.git("pack-refs", "--all")

    assert git.resolve("packed", {}) == head
    assert (own / "packed-refs").is_symlink()


def test_nobody_else_can_write_the_folder(person: Repository) -> None:
    """Whatever the umask is."""
    before = os.umask(0)
    try:
        Git(person.folder, "origin").ls_remote()
    finally:
        os.umask(before)

    own = person.folder / ".git" / NAME
    assert not [path for path in (own, own / "HEAD", own / "config") if path.stat().st_mode & 0o022]


# ------------------------------------------------------------------------ settings from CI


def of_ci(monkeypatch: pytest.MonkeyPatch, *settings: tuple[str, str]) -> None:
    """Set them as CI does."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    for number, (key, value) in enumerate(settings):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)


def test_settings_of_ci_that_name_hosts_and_headers_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are named, and are not passed on."""
    header = "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46Z2hzX3NlY3JldDEyMzQ1"
    passed = (
        ("safe.directory", "*"), ("http.https://github.com/.extraheader", header),
        ("http.proxy", "http://proxy:3128"), ("url.https://h/.insteadOf", "git@h:"),
    )  # fmt: skip
    of_ci(monkeypatch, *passed, ("core.fsmonitor", "touch x"), ("log.showSignature", "true"))

    found = from_process()

    assert found.passed == passed
    assert found.left_out == (
        "`core.fsmonitor` (`GIT_CONFIG_KEY_4`)",
        "`log.showSignature` (`GIT_CONFIG_KEY_5`)",
    )
    assert redact(f"{header} x-access-token ghs_secret12345") == "*** x-access-token ***"


@pytest.mark.parametrize("count", ["x", "-1", "1e9", "99999999"])
def test_a_count_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    """Git itself would refuse to work."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", count)

    assert from_process().passed == ()
    assert "GIT_CONFIG_COUNT" in from_process().left_out[0]


def test_a_setting_without_a_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A count that is too large."""
    of_ci(monkeypatch, ("safe.directory", "*"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")

    assert from_process() == ((("safe.directory", "*"),), ("`GIT_CONFIG_KEY_1`, which is not set",))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_checkout_of_another_user_needs_safe_directory(
    person: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git's own words without it; from CI's variables it counts."""
    for path in (person.folder, person.folder / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(CommandFailed, match="dubious ownership") as caught:
        Git(person.folder, "origin").ls_remote()
    assert caught.value.hint == f"`git config --global --add safe.directory {person.folder}`"

    of_ci(monkeypatch, ("safe.directory", str(person.folder)))

    assert Git(person.folder, "origin").ls_remote()


def test_a_header_in_the_checkout_is_used_and_is_in_no_other_file(person: Repository) -> None:
    """CI's checkout action leaves its token there, or in a file that it includes."""
    included = person.folder.parent / "credentials"
    included.write_text('[http "https://github.com/"]\nextraheader = AUTHORIZATION: basic dG9rZW4=\n')
    person.git("config", f"includeIf.gitdir:{person.folder}/.git.path", str(included))

    checkout = checkout_of(person.folder)

    assert checkout is not None
    assert ("http.https://github.com/.extraheader", "AUTHORIZATION: basic dG9rZW4=") in checkout.settings
    assert "dG9rZW4" not in (checkout.git_folder / "config").read_text()


# ------------------------------------------------------------------------ committer, names


RULE = """while read old new ref; do case $new in 0000*) continue;; esac
case $(git log -1 --format=%ce%ae "$new") in *@example.com*@example.com) ;;
*) echo "committer's email does not follow the pattern" >&2; exit 1;; esac; done"""


def test_the_committer_can_be_set(person: Repository, origin: Repository) -> None:
    """A rule of the remote about addresses is met by the setting, which the refusal names."""
    origin.hook("pre-receive", RULE)
    git = Git(person.folder, "origin")
    lock = git.commit_json("lock.json", {}, "lock", None)
    with pytest.raises(CommandFailed, match="does not follow the pattern") as caught:
        git.push([Update("refs/deploy/lock/x", None, lock)])
    assert 'committer = "Name <mail>"' in str(caught.value.hint)

    git = Git(person.folder, "origin", "Release Desk <desk@example.com>")
    git.push([Update("refs/deploy/lock/x", None, git.commit_json("lock.json", {}, "lock", None))])

    assert origin.git("log", "-1", "--format=%an <%ae> %cn <%ce>", "refs/deploy/lock/x") == (
        "Release Desk <desk@example.com> Release Desk <desk@example.com>"
    )


def test_a_merge_has_the_person_as_author_and_the_set_committer(person: Repository, mine: Path) -> None:
    """Who asked for it stays known."""
    mine.write_text("[user]\nname = Ada\nemail = ada@home.example\n")
    git = MergingGit(person.folder, "origin", "Release Desk <desk@example.com>")
    refs = git.fetch([DEVELOP, "refs/heads/other"])
    tree = git.merge_tree(refs[DEVELOP], refs["refs/heads/other"]).tree

    merge = git.merge_commit(tree, refs[DEVELOP], refs["refs/heads/other"], "merge")

    assert person.git("show", "-s", "--format=%ae %ce", merge) == "ada@home.example desk@example.com"


@pytest.mark.parametrize("name", ["correctif-été", "修复/登录", "feature/🚀", "fix/ñandú"])
def test_branches_in_any_script_work(person: Repository, tmp_path: Path, name: str) -> None:
    """In both spellings of an accent."""
    import unicodedata

    head = person.git("rev-parse", "HEAD~1")
    person.git("push", "-q", "origin", f"{head}:refs/heads/{name}")
    git = Git(person.folder, "origin")
    refs = git.fetch([f"refs/heads/{name}"])

    assert git.resolve(name, refs) == head
    assert git.resolve(unicodedata.normalize("NFD", name), refs) == head
    assert branch_named("correctif", refs) is None


def test_a_checkout_that_is_none_is_gits_own_fault(tmp_path: Path) -> None:
    """Nothing is made there, and git says what is wrong."""
    with pytest.raises(CommandFailed, match="not a git repository"):
        Git(tmp_path, "origin").log("HEAD", None)
    assert checkout_of(tmp_path) is None


def test_a_github_job_needs_no_credentials_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its token counts for its own server alone, and where no other header is set; it is masked."""
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example.org")
    monkeypatch.setenv("GH_TOKEN", "ghs_of_the_job_0123456789")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert of_job([]) == ()

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    ((key, value),) = of_job([("user.name", "x")])
    assert key == "http.https://github.example.org/.extraheader"
    assert redact(value) == "***"
    assert of_job([("http.https://other/.extraheader", "AUTHORIZATION: basic eA==")]) == ()

    monkeypatch.setenv("GITHUB_SERVER_URL", "http://github.example.org")
    assert of_job([]) == ()
