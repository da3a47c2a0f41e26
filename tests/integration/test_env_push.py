"""`env.push` with the real CLI, against a stand-in for Supabase's Management API."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from scripts.sandbox.hang_ups import StandInServer
from tests.integration.desk import Call, Desk
from tests.support.processes import wait_until
from tests.support.sandboxes import NO_FUNCTIONS

pytestmark = pytest.mark.timeout(600)

TOKEN = "sbp_" + "0123456789" * 4
VALUES = {"OPENAI_API_KEY": "cnry-openai'0f9e #x", "WHATSAPP_VERIFY_TOKEN": 'cnry-wa-0f9e$HOME"`\\n'}


class Api:
    """One project's secrets.

    Args:
        deaf: it takes what it is sent, and keeps nothing.
        answering: unset, a POST waits for it.
    """

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.deaf = False
        self.posts = 0
        self.answering = threading.Event()
        self.answering.set()

    def handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        """The documented protocol: a list of names and digests, a POST of names and values."""
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(
                    [
                        {"name": k, "value": hashlib.sha256(v.encode()).hexdigest()}
                        for k, v in api.kept.items()
                    ]
                )

            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                api.posts += 1
                api.answering.wait(60)
                api.kept |= {} if api.deaf else {each["name"]: each["value"] for each in sent}
                self.answer(None, 201)

            def answer(self, document: Any, status: int = 200) -> None:
                known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                body = b"" if document is None else json.dumps(document).encode()
                self.send_response(status if known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Silent."""

        return Handler


@pytest.fixture
def api(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The stand-in, which `SUPABASE_PROFILE` names; the configuration names two variables."""
    api, manual = Api(), desk.world.env_dir / "pipeline.toml"
    before = manual.read_text()
    names = f"\n[supabase]\nsecrets = {json.dumps(sorted(VALUES))}\n"
    manual.write_text(before.replace(NO_FUNCTIONS, "") + names)
    with StandInServer(("127.0.0.1", 0), api.handler()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        profile = tmp_path / "profile.yaml"
        profile.write_text(f"name: x\napi_url: {url}\ndashboard_url: {url}/d\nproject_host: localtest.me\n")
        monkeypatch.setenv("SUPABASE_PROFILE", str(profile))
        yield api
        server.shutdown()
    manual.write_text(before)


def prefixed(environment: str, token: str = TOKEN) -> dict[str, str]:
    """Values in the process environment, as CI has them."""
    address = "https://abcdefghijklmnopqrst.supabase.co"
    known = {**VALUES, "SUPABASE_ACCESS_TOKEN": token, "VITE_SUPABASE_URL": address}
    return {f"{environment.upper()}_{name}": value for name, value in known.items()}


def push(desk: Desk, *more: str, environment: str = "staging", token: str = TOKEN) -> Call:
    """Call the task with them."""
    return desk("env.push", "--env", environment, *more, **prefixed(environment, token))


def pushing() -> list[str]:
    """The command lines of CLIs that set secrets."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = process.read_bytes().split(b"\0")
            lines += [b" ".join(words).decode()] * (words[1:3] == [b"secrets", b"set"])
    return lines


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_killed_in_the_midst_nothing_is_left(desk: Desk, api: Api) -> None:
    """No CLI goes on, and no file holds a value."""
    api.answering.clear()
    task = desk.start("env.push", "--env", "staging", **prefixed("staging"))
    assert wait_until(lambda: api.posts == 1, 60)
    assert len(pushing()) == 1
    holding = files_with_values()

    task.kill()
    task.communicate(timeout=20)

    assert holding == []
    assert wait_until(lambda: not pushing(), 10)
    assert files_with_values() == []
    api.answering.set()


def files_with_values() -> list[Path]:
    """The files in the temporary folders of tasks that hold a value."""
    values, holding = [value.encode() for value in VALUES.values()], []
    for file in Path(tempfile.gettempdir()).glob("release-desk-*/*"):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # another task's may go meanwhile
            content = file.read_bytes()
            holding += [file] if any(value in content for value in values) else []
    return holding


def test_what_is_sent_arrives_and_is_never_shown(desk: Desk, api: Api) -> None:
    """A plan, then the values to the letter, then nothing to do; names only in the output."""
    plan = push(desk, "--plan")
    assert (0, sorted(VALUES), {}) == (plan.code, plan.document["sent"], api.kept), plan.err

    done = push(desk)
    again = push(desk)

    assert (0, "done", VALUES) == (done.code, done.document["ending"], api.kept), done.err
    assert (0, "nothing", 1) == (again.code, again.document["ending"], api.posts)
    for call in (plan, done, again):
        assert "cnry" not in call.out + call.err
        assert TOKEN not in call.out + call.err


def test_what_did_not_arrive_is_said(desk: Desk, api: Api) -> None:
    """Exit code 0 of the CLI proves nothing; a guarded environment wants a yes; a wrong token fails."""
    api.deaf = True
    lost = push(desk)
    declined = push(desk, environment="production")
    wrong = push(desk, token="sbp_" + "0" * 40)
    malformed = push(desk, token="something")

    assert (3, True) == (lost.code, "did not arrive" in lost.document["message"]), lost.err
    assert (6, 1) == (declined.code, api.posts)
    assert (3, 1) == (wrong.code, malformed.code)
    for call in (lost, declined, wrong, malformed):
        assert "Traceback" not in call.err
        assert "cnry" not in call.out + call.err
