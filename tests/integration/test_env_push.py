"""`env.push` with the real CLI, against a stand-in for Supabase's Management API."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.desk import Call, Desk

pytestmark = pytest.mark.timeout(600)

TOKEN = "sbp_" + "0123456789" * 4
VALUES = {"OPENAI_API_KEY": "cnry-openai'0f9e #x", "WHATSAPP_VERIFY_TOKEN": 'cnry-wa-0f9e$HOME"`\\n'}


class Api:
    """One project's secrets. `deaf`: it takes what it is sent, and keeps nothing."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.deaf = False
        self.posts = 0

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
                api.posts += 1
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
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
    manual.write_text(before + f"\n[supabase]\nsecrets = {json.dumps(sorted(VALUES))}\n")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), api.handler()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        profile = tmp_path / "profile.yaml"
        profile.write_text(f"name: x\napi_url: {url}\ndashboard_url: {url}/d\nproject_host: localtest.me\n")
        monkeypatch.setenv("SUPABASE_PROFILE", str(profile))
        yield api
        server.shutdown()
    manual.write_text(before)


def push(desk: Desk, *more: str, environment: str = "staging", token: str = TOKEN) -> Call:
    """Call the task with values from the process environment, as CI has them."""
    address = "https://abcdefghijklmnopqrst.supabase.co"
    known = {**VALUES, "SUPABASE_ACCESS_TOKEN": token, "VITE_SUPABASE_URL": address}
    prefixed = {f"{environment.upper()}_{name}": value for name, value in known.items()}
    return desk("env.push", "--env", environment, *more, **prefixed)


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
