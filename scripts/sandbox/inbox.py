"""What Slack and Discord refuse, as far as it is known: the rules of the sandbox's inbox.

From the vendors' documents and from what people met (research `load-monitor.md`, section 8).
"""

from __future__ import annotations

import json
import math
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scripts.sandbox import stand_in
from scripts.sandbox.host_config import write_private

SLACK_TOTAL = 13_200  # over all blocks, as seen by others
PINGS = re.compile(r"<!(channel|here|everyone)|<@[UW]|<!subteam")


def slack_fault(payload: Any) -> str | None:
    """Slack's word for what is wrong with a payload, None when it would be shown."""
    if not isinstance(payload, dict):
        return "invalid_payload"
    text, blocks = payload.get("text"), payload.get("blocks", [])
    if not text and not blocks:
        return "no_text"
    if not isinstance(text, str) or not isinstance(blocks, list) or len(blocks) > 50:
        return "invalid_payload"
    if not all(_slack_block(each) for each in blocks):
        return "invalid_payload"
    total = sum(len(each) for block in blocks for each in _texts(block))
    return "invalid_payload" if total > SLACK_TOTAL or len(text) > 40_000 else None


def _slack_block(block: Any) -> bool:
    """A header, or a section with a text, or with fields."""
    if not isinstance(block, dict):
        return False
    if block.get("type") == "header":
        return _slack_text(block.get("text"), 150, "plain_text")
    if block.get("type") != "section" or not ("text" in block or "fields" in block):
        return False
    fields = block.get("fields", [{"type": "mrkdwn", "text": "-"}])
    return (
        ("text" not in block or _slack_text(block["text"], 3_000))
        and isinstance(fields, list)
        and 1 <= len(fields) <= 10
        and all(_slack_text(each, 2_000) for each in fields)
    )


def _slack_text(found: Any, most: int, kind: str | None = None) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        return False
    kinds = (kind,) if kind else ("plain_text", "mrkdwn")
    return found.get("type") in kinds and 1 <= len(found["text"]) <= most


def slack_pings(payload: Any) -> bool:
    """Whether it would call people: in marked text the brackets are commands."""
    return any(PINGS.search(each) for each in _texts(payload))


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(each)


def discord_fault(payload: Any) -> dict[str, Any] | None:
    """Discord's JSON for what is wrong with a payload, None when it would be shown."""
    if not isinstance(payload, dict):
        return {"message": "The request body contains invalid JSON.", "code": 50109}
    content, embeds = payload.get("content", ""), payload.get("embeds", [])
    if not content and not embeds:
        return {"message": "Cannot send an empty message", "code": 50006}
    if not _fits(content, 2_000, least=0) or not isinstance(embeds, list) or len(embeds) > 10:
        return _invalid("content")
    if not all(_embed(each) for each in embeds):
        return _invalid("embeds")
    return _invalid("embeds") if sum(map(_counted, embeds)) > 6_000 else None


def discord_pings(payload: Any) -> bool:
    """Whether it would call people: only the content does, and only what `allowed_mentions` allows."""
    allowed = payload.get("allowed_mentions", {}).get("parse", ["everyone", "users", "roles"])
    return bool(allowed) and bool(re.search(r"@everyone|@here|<@", payload.get("content", "")))


def _embed(embed: Any) -> bool:
    if not isinstance(embed, dict):
        return False
    fields = embed.get("fields", [])
    return (
        _fits(embed.get("title", ""), 256, least=0)
        and _fits(embed.get("description", ""), 4_096, least=0)
        and _fits(embed.get("footer", {}).get("text", ""), 2_048, least=0)
        and isinstance(fields, list)
        and len(fields) <= 25
        and all(_fits(each.get("name"), 256) and _fits(each.get("value"), 1_024) for each in fields)
        and _is_time(embed.get("timestamp", "2030-01-01"))
    )


def _counted(embed: dict[str, Any]) -> int:
    """What counts towards the 6,000."""
    fields = [text for each in embed.get("fields", []) for text in (each["name"], each["value"])]
    footer = embed.get("footer", {}).get("text", "")
    return sum(map(_size, (embed.get("title", ""), embed.get("description", ""), footer, *fields)))


def _fits(text: Any, most: float = math.inf, *, least: int = 1) -> bool:
    return isinstance(text, str) and least <= _size(text) <= most


def _size(text: str) -> int:
    """Counted the strict way, as JavaScript does."""
    return len(text.encode("utf-16-le")) // 2


def _is_time(text: Any) -> bool:
    try:
        datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return False
    return True


def _invalid(where: str) -> dict[str, Any]:
    errors = {where: {"_errors": [{"code": "BASE_TYPE_BAD_LENGTH"}]}}
    return {"message": "Invalid Form Body", "code": 50035, "errors": errors}


# A STAND-IN for Slack's and Discord's webhooks: `python -m scripts.sandbox.inbox FOLDER`.
#
#     POST /slack/<environment>/<token>      as hooks.slack.com: `ok`, or a word and 400
#     POST /discord/<environment>/<token>    as discord.com: 204 (200 with `?wait=true`), or JSON and 400
#
# It takes and refuses what the vendors do as far as `inbox_rules` knows. What it does NOT prove: their
# real rate limits, and how a message looks. Files in FOLDER, the world's `inbox/`:
#
#     inbox.json      port and token (0600)
#     slack.jsonl     what was accepted, one {"environment", "at", "payload"} a line; discord.jsonl alike
#     asked.jsonl     every request: {"target", "environment", "at", "status"}
#     faults.json     written by whoever wants faults: {"down": true}, or a list of answers to give first,
#                     [{"status": 429, "headers": {"Retry-After": "1"}, "body": "...", "delay": 0.5}], or
#                     one of these for each target: {"slack": [...], "discord": {"down": true}}


TARGETS = ("slack", "discord")
LARGEST = 1_000_000  # bytes of a request
Reply = tuple[int, Mapping[str, str], bytes]


def start(folder: Path, port: int, token: str) -> None:
    """Have the inbox run; twice is harmless.

    Raises:
        Refused: another program sits on its port.
        CommandFailed: it did not start.
    """
    stand_in.start("inbox", folder, [port], told={"port": port, "token": token}, module="inbox")


class Inbox(ThreadingHTTPServer):
    """One server for both vendors and all environments."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        known = json.loads((folder / "inbox.json").read_bytes())
        super().__init__(("127.0.0.1", known["port"]), Handler)
        self.folder = folder
        self.token = known["token"]
        self.guard = threading.Lock()

    def fault(self, target: str) -> Mapping[str, Any] | None:
        """The fault to play for this request: the first of the list, which is one shorter then."""
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

    def note(self, name: str, **record: Any) -> None:
        """Append one line to a file of the folder."""
        with self.guard, (self.folder / f"{name}.jsonl").open("a") as file:
            at = datetime.now(UTC).isoformat()
            file.write(json.dumps({"at": at, **record}, ensure_ascii=False) + "\n")


class Handler(BaseHTTPRequestHandler):
    """Answers as the vendor would."""

    server: Inbox

    def do_POST(self) -> None:
        """One notice."""
        parts = urlsplit(self.path)
        target, environment, token = ([*parts.path.strip("/").split("/"), "", "", ""])[:3]
        body = self.rfile.read(min(int(self.headers.get("content-length", "0")), LARGEST))
        fault = self.server.fault(target) if target in TARGETS else None
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
            reply = _stranger(target)
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
            word = slack_fault(payload)
            reply: Reply = (400 if word else 200, {}, (word or "ok").encode())
        else:
            wrong = discord_fault(payload)
            shown = wrong or ({"id": str(time.time_ns())} if waits else None)
            json_type = {"content-type": "application/json"}
            status = 400 if wrong else 200 if waits else 204
            reply = (status, json_type if shown else {}, json.dumps(shown).encode() if shown else b"")
        if reply[0] < 300:
            self.server.note(target, environment=environment, payload=payload)
        return reply

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


def _stranger(target: str) -> Reply:
    if target == "slack":
        return 403, {}, b"invalid_token"
    wrong = {"message": "Invalid Webhook Token", "code": 50027}
    return 401, {"content-type": "application/json"}, json.dumps(wrong).encode()


def main(arguments: list[str]) -> None:
    """Serve the inbox of the one folder that is named, until it is ended."""
    (folder,) = arguments
    Inbox(Path(folder).resolve()).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
