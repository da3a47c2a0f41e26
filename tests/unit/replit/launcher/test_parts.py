"""The launcher's smaller parts: files, the scan, `/-/release`, the remote's answer, commands."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from scripts.replit.launcher import child, files, prepare, remote, scan
from scripts.replit.launcher.child import Spawn, run_command
from scripts.replit.launcher.config import Config
from scripts.replit.launcher.files import MARKER, Backoff, Journal, State, tree_digest, write_atomically
from scripts.replit.launcher.prepare import PrepareFailed, Releases
from scripts.replit.launcher.remote import Remote, Wanted, write_key
from scripts.replit.launcher.status import STATUS_BYTES, StatusServer

A, B = "a" * 40, "b" * 40
# keys are put together here, so that no scan of this repository takes them for real ones
STRIPE = "sk_" + "live_" + "0123456789abcdefABCD"


def config(home: Path, **changes: Any) -> Config:
    """A configuration."""
    given: dict[str, Any] = {"remote": f"file://{home}/origin", "static": "public", **changes}
    return Config(home=home, environment="staging", branch="staging", port=5000, **given)


# files


def test_a_file_is_written_whole_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves the old one, and no rest."""
    path = tmp_path / "state.json"
    write_atomically(path, "old", 0o600)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")

    assert (path.read_text(), [each.name for each in tmp_path.iterdir()]) == ("old", ["state.json"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"proven": 1}', '{"proven": ["../x", 3]}'])
def test_a_torn_state_is_no_state(tmp_path: Path, text: str) -> None:
    """Nothing is proven then; nothing of it is used as a path."""
    (tmp_path / "state.json").write_text(text)

    assert State(tmp_path / "state.json").proven == []


def test_what_was_live_is_kept_in_order(tmp_path: Path) -> None:
    """The latest first, each once, over a restart."""
    state = State(tmp_path / "state.json")
    for commit in (A, B, A):
        state.record(commit, 5)

    assert State(tmp_path / "state.json").proven == [A, B]


def test_the_digest_of_a_tree(tmp_path: Path) -> None:
    """By the lines that the desk and the launcher agreed on."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_text("x")
    (tmp_path / "a").write_text("a")
    (tmp_path / "a").chmod(0o755)
    (tmp_path / MARKER).write_text("not of the tree")

    digest, count, size = tree_digest(tmp_path)

    assert (count, size) == (2, 2)
    of_a, of_x = (hashlib.sha256(text).hexdigest() for text in (b"a", b"x"))
    assert digest == hashlib.sha256(f"100644 {of_x} b/x\n100755 {of_a} a\n".encode()).hexdigest()


def test_pauses_grow_and_begin_again() -> None:
    """Up to the longest."""
    pauses = Backoff(1, 5)

    assert [pauses.pause() for _ in range(4)] == [1, 2, 4, 5]
    pauses.reset()
    assert pauses.pause() == 1


# the scan


def test_what_is_secret_here() -> None:
    """By name or by form; not what a bundler publishes, nor what the system sets."""
    environ = {
        "SESSION_SECRET": "abcdefgh12345678",
        "DATABASE_URL": "postgres://u:p4ssw0rd-long@db/x",
        "ODD_NAME": "0123456789abcdefghij",
        "VITE_KEY": "public-value-12345",
        "SAME_KEY": "public-value-12345",
        "REPLIT_DB_URL": "https://kv.example.com/v0/secret-0123456789",
        "REPL_ID": "01234567-89ab-cdef-0123-456789abcdef",
        "PATH": "/usr/bin:/nix/store/0123456789abcdefghij",
        "API_KEY": "short",
        "PLAIN": "nothing to see",
    }

    assert set(scan.secret_values(environ)) == {"SESSION_SECRET", "DATABASE_URL", "ODD_NAME"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x='abcdefgh12345678'", "SESSION_SECRET"),
        (base64.b64encode(b"??abcdefgh12345678??").decode(), "SESSION_SECRET"),
        ("p4ssw0rd%2Flong", "DATABASE_URL"),
        (f"k='{STRIPE}'", "a Stripe key"),
        ("nothing", None),
    ],
)
def test_a_leak_is_found(tmp_path: Path, text: str, found: str | None) -> None:
    """In every form that a build may give it; its value is not told."""
    (tmp_path / "app.js").write_text(text)
    environ = {"SESSION_SECRET": "abcdefgh12345678", "DATABASE_URL": "postgres://u:p4ssw0rd%2Flong@db/x"}

    findings = scan.scan_folder(tmp_path, environ)

    assert bool(findings) is (found is not None)
    assert all((found or "") in each and "abcdefgh" not in each for each in findings)


def test_a_file_that_is_never_public(tmp_path: Path) -> None:
    """Whatever is in it."""
    (tmp_path / ".env").write_text("")

    assert scan.scan_folder(tmp_path, {}) == ["`.env` should never be published"]


# `/-/release`


def answer(token: str, request: str, report: dict[str, Any] | None = None) -> tuple[str, list[int]]:
    """The answer to a request, and whether the remote is looked at."""
    poked: list[int] = []
    server = StatusServer(token, lambda: report or {"launcher": "1"}, lambda: poked.append(1))
    return server.answer(request.replace("\n", "\r\n").encode()).decode(), poked


@pytest.mark.parametrize(
    ("token", "field", "status"),
    [
        ("t0ken", "Authorization: Bearer t0ken", 200),
        ("t0ken", "authorization: bearer t0ken", 200),
        ("t0ken", "Authorization: Bearer wrong", 404),
        ("t0ken", "Authorization: Basic t0ken", 404),
        ("t0ken", "X-Launcher-Token: t0ken", 200),
        ("t0ken", "Authorization: Bearer of-replit\nX-Launcher-Token: t0ken", 200),
        ("t0ken", "X-Launcher-Token: wrong", 404),
        ("", "X-Launcher-Token: ", 404),
        ("t0ken", "X: y", 404),
        ("", "Authorization: Bearer ", 404),
        ("", "X: y", 404),
    ],
)
def test_only_the_token_reads_it(token: str, field: str, status: int) -> None:
    """For others there is no such page; without a token there is none for anybody."""
    text, _ = answer(token, f"GET /-/release HTTP/1.1\n{field}\n\n")

    assert text.startswith(f"HTTP/1.1 {status} ")
    assert "Cache-Control: no-store" in text


def test_a_post_looks_at_once() -> None:
    """With the token only."""
    field = "Authorization: Bearer t"

    assert answer("t", f"POST /-/release HTTP/1.1\n{field}\n\n")[0].startswith("HTTP/1.1 202 ")
    assert answer("t", f"POST /-/release HTTP/1.1\n{field}\n\n")[1] == [1]
    assert answer("t", "POST /-/release HTTP/1.1\n\n")[1] == []


def test_a_long_log_is_left_out() -> None:
    """The answer has a limit."""
    report = {"launcher": "1", "failed": {"commit": A, "log": "x" * STATUS_BYTES}}
    text, _ = answer("t", "GET /-/release HTTP/1.1\nAuthorization: Bearer t\n\n", report)

    assert json.loads(text.partition("\r\n\r\n")[2])["failed"] == {"commit": A, "log": ""}


# the remote


def test_the_key_is_for_this_user_alone(tmp_path: Path) -> None:
    """A key on one line is put right; one that is gone from the environment goes from the disk."""
    write_key(config(tmp_path, key="-----BEGIN-----\\nabc\\n-----END-----"))
    path = tmp_path / ".launcher" / "key"

    assert path.read_text() == "-----BEGIN-----\nabc\n-----END-----\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_key(config(tmp_path))
    assert not path.exists()


def test_the_token_is_on_no_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It travels in git's environment, for that remote alone."""
    seen: list[Spawn] = []

    async def record(what: Spawn, *_: object, **__: object) -> child.Ended:
        seen.append(what)
        return child.Ended(0, f"{A}\trefs/heads/staging\nrubbish\n{B}\t../../x\n".encode(), "")

    monkeypatch.setattr(remote, "run_command", record)
    watched = Remote(config(tmp_path, remote="https://host/app.git", git_token="t0p-secret"))

    assert asyncio.run(watched.look()) == Wanted(branch=A)
    assert "t0p-secret" not in " ".join(seen[0].argv)
    assert seen[0].env["GIT_CONFIG_KEY_0"] == "http.https://host/app.git.extraHeader"
    assert set(seen[0].env) & {"LAUNCHER_TOKEN", "LAUNCHER_GIT_TOKEN"} == set()
    assert {"core.hooksPath=/dev/null", "protocol.ext.allow=never"} <= set(seen[0].argv)


# releases


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    """None yet."""
    here = config(tmp_path)
    here.state.mkdir()
    return Releases(here, Remote(here), Journal(here.state))


def release(releases: Releases, commit: str, **content: str) -> Path:
    """One that is whole."""
    folder = releases.folder(commit)
    (folder / "public" / "assets").mkdir(parents=True)
    for name, text in content.items():
        (folder / "public" / "assets" / f"{name}.js").write_text(text)
    releases._mark(commit, folder)
    return folder


def test_only_a_whole_release_is_ready(releases: Releases) -> None:
    """Not one without its marker, nor one whose files are others; that one is thrown away."""
    folder = release(releases, A, x="1")
    releases.folder(B).mkdir()

    assert (releases.ready(), releases.is_ready(A), releases.is_ready(B)) == ([A], True, False)
    (folder / "public" / "assets" / "x.js").write_text("2")
    assert releases.is_ready(A)  # it is looked at once
    releases.forget(A)
    assert not releases.is_ready(A)
    assert not folder.exists()
    assert not releases.is_ready("../../etc")


def test_open_pages_keep_their_files(releases: Releases) -> None:
    """What has a hash comes along from the release before, and no further; nothing is replaced."""
    first = release(releases, A, **{"app-a1b2c3d4": "old", "same-a1b2c3d4": "old", "plain": "old"})
    second = release(releases, B, **{"same-a1b2c3d4": "new"})

    releases.carry_assets(A, second)
    releases.carry_assets(B, first)

    assets = {path.name: path.read_text() for path in (second / "public" / "assets").iterdir()}
    assert assets == {"app-a1b2c3d4.js": "old", "same-a1b2c3d4.js": "new"}
    assert releases.is_ready(B)


def test_old_releases_go(releases: Releases) -> None:
    """What is kept, and the latest, stay."""
    for commit in (A, B, "c" * 40):
        release(releases, commit, x="1")
    (releases.folder("d" * 40)).mkdir()

    asyncio.run(releases.prune([A], [B]))

    assert releases.ready() == [A, B]


def test_a_full_disk_begins_nothing(releases: Releases, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and tried again later."""
    monkeypatch.setattr(prepare, "free_bytes", lambda _: 1_000)

    with pytest.raises(PrepareFailed, match="the disk is full") as raised:
        asyncio.run(releases.prepare(A, Wanted(live=A), lambda _: None))

    assert raised.value.passes
    assert not releases.folder(A).exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".gitmodules", '[submodule "x"]'),
        ("image.png", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    ],
)
def test_what_git_alone_cannot_complete_is_refused(tmp_path: Path, name: str, text: str) -> None:
    """It would be served as it is."""
    prepare.refuse_incomplete(tmp_path)
    (tmp_path / name).write_text(text)

    with pytest.raises(PrepareFailed) as raised:
        prepare.refuse_incomplete(tmp_path)

    assert raised.value.step == "refused"


# processes


def run(argv: list[str], seconds: float = 30, **variables: str) -> child.Ended:
    """A command, to its end."""
    env = {"PATH": os.environ["PATH"], **variables}
    return asyncio.run(run_command(Spawn(argv, Path("/"), env), seconds, 1_000))


def test_a_command_is_run() -> None:
    """Its code, its output up to a limit, and its last words."""
    ended = run(["sh", "-c", "yes | head -c 5000; echo why >&2; exit 3"])

    assert (ended.code, len(ended.out), ended.tail) == (3, 1_000, "why\n")


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """Its whole group."""
    ended = run(["sh", "-c", f"sleep 100 & echo $! >{tmp_path}/pid; wait"], seconds=1)

    assert ended.code is None
    pid = int((tmp_path / "pid").read_text())
    child.wait_until_gone([pid], 30)
    assert not child._is_alive(pid)


def test_a_command_that_is_not_there() -> None:
    """It is said in words."""
    ended = run(["no-such-program"])

    assert ended.code == 127
    assert "can't start `no-such-program`" in ended.tail


def test_what_is_left_of_another_launcher_is_ended(tmp_path: Path) -> None:
    """It is known by its variable, whoever its parent is; nobody else's process is touched."""

    def leave(mark: str) -> int:
        env = {"PATH": os.environ["PATH"], child.OWNED: mark}
        pid = child.start_process(Spawn(["sleep", "100"], Path("/"), env), 1, 2)
        while b"sleep" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            time.sleep(0.01)
        return pid

    own, other = leave(str(tmp_path)), leave(f"{tmp_path}x")
    try:
        assert child.sweep(tmp_path) == [own]
        child.wait_until_gone([own], 30)
        assert child._is_alive(other)
    finally:
        child.kill_group(other)
        child.wait_until_gone([other], 30)


def test_memory_is_known() -> None:
    """Some is free."""
    assert files.free_memory() > 0
