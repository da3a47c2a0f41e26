"""A STAND-IN for Slack's and Discord's webhooks, and for Sentry: `python -m scripts.sandbox.inbox FOLDER`.

    POST /slack/<environment>/<token>      as hooks.slack.com: `ok`, or a word and 400
    POST /discord/<environment>/<token>    as discord.com: 204 (200 with `?wait=true`), or JSON and 400
    GET, POST, PUT /api/0/organizations/...  as sentry.io, for the organization and project `sandbox`

It refuses what the vendors refuse as far as `webhook_rules` knows. It does NOT prove their real rate
limits, or how a message looks. Files in FOLDER, the world's `inbox/`:

    inbox.json      port and token (0600)
    slack.jsonl     accepted messages, {"environment", "at", "payload"} a line; discord.jsonl alike
    sentry.jsonl    accepted calls, {"method", "path", "at", "payload"} a line
    asked.jsonl     every request: {"target", "environment", "at", "status"}
    issues.json     what Sentry has: a list of issues, with their `firstRelease` and `environment`
    faults.json     faults to play: {"down": true}, or a list of answers to give first,
                    [{"status": 429, "headers": {"Retry-After": "1"}, "body": "...", "delay": 0.5}], or
                    one of these for each target: {"slack": [...], "discord": {"down": true}}
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scripts.sandbox import stand_in
from scripts.sandbox.hang_ups import StandInServer
from scripts.sandbox.host_config import write_private
from scripts.sandbox.sentry_api import ROOT, SentryApi
from scripts.sandbox.webhook_rules import discord_error, slack_error

TARGETS = ("slack", "discord", "sentry")
SENTRY = "sandbox"  # the slug of the organization and of its project
MAX_BYTES = 40_000_000  # of a request, such as source maps
Reply = tuple[int, Mapping[str, str], bytes]


def start(folder: Path, port: int, token: str) -> None:
    """Start the inbox unless it runs.

    Raises:
        Refused: another program uses its port.
        CommandFailed: it did not start.
    """
    stand_in.start("inbox", folder, [port], settings={"port": port, "token": token}, module="inbox")


class Inbox(StandInServer):
    """One server for both vendors and all environments."""

    def __init__(self, folder: Path) -> None:
        settings = json.loads((folder / "inbox.json").read_bytes())
        super().__init__(("127.0.0.1", settings["port"]), Handler)
        self.folder = folder
        self.token = settings["token"]
        self.sentry = SentryApi(SENTRY, SENTRY)
        self.guard = threading.Lock()

    def next_fault(self, target: str) -> Mapping[str, Any] | None:
        """The fault to play for this request; one of a list is played once."""
        file = self.folder / "faults.json"
        with self.guard:
            try:
                faults = json.loads(file.read_bytes())
            except (FileNotFoundError, ValueError):
                return None
            own = faults if isinstance(faults, list) or "down" in faults else faults.get(target)
            if not isinstance(own, list):
                return {"down": True} if own and own.get("down") else None
            if not own:
                return None
            first: Mapping[str, Any] = own.pop(0)
            write_private(file, faults)
            return first

    def issues(self, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        """What Sentry has of them."""
        try:
            known = json.loads((self.folder / "issues.json").read_bytes())
        except FileNotFoundError:
            known = []
        return self.sentry.issues(query, known)

    def note(self, name: str, **record: Any) -> None:
        """Append one line to a file of the folder."""
        with self.guard, (self.folder / f"{name}.jsonl").open("a") as file:
            at = datetime.now(UTC).isoformat()
            file.write(json.dumps({"at": at, **record}, ensure_ascii=False) + "\n")


class Handler(BaseHTTPRequestHandler):
    """Answers as the vendor would."""

    server: Inbox

    def do_POST(self) -> None:
        """Take one message."""
        self._answer()

    def do_GET(self) -> None:
        """Say how to upload."""
        self._answer()

    def do_PUT(self) -> None:
        """Take a change of a release."""
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        target, environment, token = ([*parts.path.strip("/").split("/"), "", "", ""])[:3]
        if parts.path.startswith(ROOT):
            target, environment, token = (
                "sentry",
                "",
                self.headers.get("authorization", "")[len("Bearer ") :],
            )
        body = self.rfile.read(min(int(self.headers.get("content-length", "0")), MAX_BYTES))
        fault = self.server.next_fault(target) if target in TARGETS else None
        if fault and fault.get("down"):
            self.close_connection = True
            self.server.note("asked", target=target, environment=environment, status=None)
            return
        if fault:
            time.sleep(float(fault.get("delay", 0)))
        if fault and "status" in fault:
            reply = (int(fault["status"]), fault.get("headers", {}), str(fault.get("body", "")).encode())
        elif target not in TARGETS:
            reply = (404, {}, b"no_service")
        elif token != self.server.token:
            reply = _wrong_token(target)
        elif target == "sentry":
            reply = self._take_call(parts.path, parts.query, body)
        else:
            waits = parse_qs(parts.query).get("wait") == ["true"]
            reply = self._accept(target, environment, body, waits=waits)
        self.server.note("asked", target=target, environment=environment, status=reply[0])
        self._send(reply)

    def _accept(self, target: str, environment: str, body: bytes, *, waits: bool) -> Reply:
        try:
            payload = json.loads(body)
        except ValueError:
            payload = None
        if target == "slack":
            word = slack_error(payload)
            reply: Reply = (400 if word else 200, {}, (word or "ok").encode())
        else:
            error = discord_error(payload)
            document = error or ({"id": str(time.time_ns())} if waits else None)
            json_type = {"content-type": "application/json"}
            status = 400 if error else 200 if waits else 204
            body = json.dumps(document).encode() if document else b""
            reply = (status, json_type if document else {}, body)
        if reply[0] < 300:
            self.server.note(target, environment=environment, payload=payload)
        return reply

    def _take_call(self, path: str, query: str, body: bytes) -> Reply:
        if self.command == "GET" and path.endswith("/issues/"):
            status, document = self.server.issues(parse_qs(query))
            return status, {"content-type": "application/json"}, json.dumps(document).encode()
        try:
            payload = json.loads(body)
        except ValueError:
            payload = None
        with self.server.guard:
            status, document = self._sentry(path, body, payload)
            answer = json.dumps(document).encode()
        if status < 300:
            self.server.note("sentry", method=self.command, path=path, payload=payload)
        return status, {"content-type": "application/json"}, answer

    def _sentry(self, path: str, body: bytes, payload: Any) -> tuple[int, Any]:
        sentry = self.server.sentry
        if path.endswith("/chunk-upload/") and self.command == "GET":
            return sentry.how_to_upload(f"http://{self.headers['host']}{path}")
        if path.endswith("/chunk-upload/"):
            return sentry.take_chunks(body)
        if path.endswith("/artifactbundle/assemble/"):
            return sentry.assemble(payload)
        return sentry.answer(self.command, path, payload)

    def _send(self, reply: Reply) -> None:
        status, headers, body = reply
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: the path holds the token."""


def _wrong_token(target: str) -> Reply:
    if target == "slack":
        return 403, {}, b"invalid_token"
    if target == "sentry":
        return 401, {"content-type": "application/json"}, b'{"detail": "Invalid token"}'
    error = {"message": "Invalid Webhook Token", "code": 50027}
    return 401, {"content-type": "application/json"}, json.dumps(error).encode()


def main(arguments: list[str]) -> None:
    """Serve the inbox of a folder until the process is ended."""
    (folder,) = arguments
    Inbox(Path(folder).resolve()).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
