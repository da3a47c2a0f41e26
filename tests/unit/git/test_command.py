"""Git's command lines and environment; revisions and URLs are checked; against real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.errors import ConfigError, Refused
from scripts.git.command import (
    Update,
    check_remote_urls,
    checked_revision,
    committable_files,
    git_command,
    push_arguments,
    remote_urls,
    url_secret,
)
from scripts.system.secret import redact
from tests.support.repositories import Repository, seeded

TOKEN = "ghp_0123456789abcdef0123"


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A clone of an app, without the tester's own configuration."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return seeded(tmp_path)[1]


def test_a_push_is_atomic_and_each_ref_has_its_lease() -> None:
    """Create, move and delete: each with the id that was seen, all in one push."""
    updates = [Update("refs/a", None, "1"), Update("refs/b", "2", "3"), Update("refs/c", "4", None)]

    assert push_arguments("origin", updates) == (
        "push",
        "--atomic",
        "--no-verify",
        "--quiet",
        "--no-follow-tags",
        "--no-signed",
        "--recurse-submodules=no",
        "--force-with-lease=refs/a:",
        "--force-with-lease=refs/b:2",
        "--force-with-lease=refs/c:4",
        "--",
        "origin",
        "1:refs/a",
        "3:refs/b",
        ":refs/c",
    )


def test_no_push_is_ever_a_plain_force() -> None:
    """Neither `--force` nor a `+` stands in any push."""
    arguments = push_arguments("origin", [Update("refs/a", "1", "2")])

    assert not [each for each in arguments if each in ("--force", "-f") or each.startswith("+")]


def test_a_call_of_git_leaves_nothing_running_and_asks_nobody(tmp_path: Path) -> None:
    """No background work, no credentials in URLs, no prompt, no pager, no protocol that runs programs.

    And no loose objects of a fetch, some of which may be missing when it is cut off.
    """
    command = git_command(tmp_path, ("log", "x"), 7.0, b"in", frozenset({0, 1}))

    assert command.argv == (
        "git", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.fsmonitor=false",
        "-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null",
        "-c", "transfer.credentialsInUrl=die", "-c", "fetch.unpackLimit=1", "log", "x",
    )  # fmt: skip
    assert (command.cwd, command.timeout, command.stdin, command.success) == (
        tmp_path,
        7.0,
        b"in",
        frozenset({0, 1}),
    )
    assert command.env["GIT_TERMINAL_PROMPT"] == "0"
    assert command.env["GIT_PAGER"] == "cat"
    assert command.env["GIT_ALLOW_PROTOCOL"] == "https:http:ssh:file"
    assert command.env["GIT_COMMITTER_NAME"] == "release desk"


def test_credentials_pass_and_another_repository_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a git hook `GIT_DIR` is set; the desk must not follow it."""
    for name in ("SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, "x")

    env = git_command(tmp_path, ("fetch",), 1).env

    assert {"SSH_AUTH_SOCK", "GIT_SSH_COMMAND"} <= set(env)
    assert {"GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"} & set(env) == set()


@pytest.mark.parametrize(
    "revision",
    [
        *("HEAD", "v1.2", "fix/one", "@", "abc~1", "main^", "#12", "a" * 201),
        *("correctif-été", "correctif-e\u0301te\u0301", "修复/登录", "feature/🚀", "¡a"),
    ],
)
def test_a_revision_passes_unchanged(revision: str) -> None:
    """What people type for a commit."""
    assert checked_revision(revision) == revision


@pytest.mark.parametrize(
    "revision",
    [
        "",
        "-x",
        "--all",
        "a b",
        "a..b",
        ":/fix",
        "a:file",
        "@{u}",
        "^main",
        "a\nb",
        "$(id)",
        "a" * 202,
        "a\u202eb",
        "a\u00a0b",
        "a\u0080b",
        "é" * 199 + " ",
    ],
)
def test_what_may_be_something_else_is_refused(revision: str) -> None:
    """An option, a range, a search, a file, or something for a shell."""
    with pytest.raises(Refused, match="is no commit of this repository"):
        checked_revision(revision)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        (f"https://{TOKEN}@github.com/o/r", TOKEN),
        (f"https://x-access-token:{TOKEN}@github.com/o/r", TOKEN),
        ("http://me:pass@host/x", "pass"),
        ("ssh://git:pass@host/x", "pass"),
        ("https://me@host/x", None),
        ("ssh://a-rather-long-user-name@host/x", None),
        ("git@github.com:o/r.git", None),
        ("https://host/x@y", None),
        ("file:///folder", None),
        ("", None),
    ],
)
def test_a_secret_in_a_url_is_found(url: str, secret: str | None) -> None:
    """A password, or a token in place of the user; a plain user name is none."""
    assert url_secret(url) == secret


def test_a_remote_with_a_password_is_refused(person: Repository) -> None:
    """Also one for pushing only. The message has the command that fixes it, and not the secret."""
    check_remote_urls(person.folder, "origin")
    person.git("remote", "set-url", "--push", "origin", "https://me:s3cr%40t-value@host/x.git")

    with pytest.raises(ConfigError, match="password or token in its URL") as caught:
        check_remote_urls(person.folder, "origin")

    assert f"`git -C {person.folder} remote set-url origin https://host/x.git`" in str(caught.value.hint)
    assert "s3cr" not in f"{caught.value.message} {caught.value.hint}"
    assert redact("s3cr@t-value and s3cr%40t-value") == "*** and ***"


def test_the_urls_of_a_remote_are_those_for_fetching_and_pushing(
    person: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the person's configuration rewrites them, not the checkout's; an unknown remote has none."""
    mine = tmp_path / "gitconfig"
    mine.write_text('[url "https://long.example/"]\ninsteadOf = short:\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(mine))
    person.git("remote", "set-url", "origin", "short:x.git")
    person.git("remote", "set-url", "--push", "origin", "https://push.example/x.git")
    person.git("config", "url.https://other.example/.insteadOf", "short:x")

    assert remote_urls(person.folder, "origin") == [
        "https://long.example/x.git",
        "https://push.example/x.git",
    ]
    assert remote_urls(person.folder, "nowhere") == []


def test_files_that_could_be_committed(person: Repository, tmp_path: Path) -> None:
    """Tracked ones, and those that `git add` would add; not ignored ones, none outside a checkout."""
    (person.folder / ".gitignore").write_text(".env.ignored\n")
    (person.folder / ".env.tracked").write_text("A=1")
    person.commit("tracked")
    for name in (".env.new", ".env.ignored", "other"):
        (person.folder / name).write_text("A=1")
    outside = tmp_path / "outside"
    outside.mkdir()

    assert committable_files(person.folder, ".env*") == ([".env.tracked"], [".env.new"])
    assert committable_files(outside, ".env*") == ([], [])
