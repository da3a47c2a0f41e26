"""A stand-in for GitHub's REST API: the documented paths of one repository, and who asked for what."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.sandbox.hang_ups import StandInServer

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
MISSING = 404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}


@dataclass
class Hub:
    """Answers by path below `/repos/o/r`; anything else is 404, a wrong token 401.

    Args:
        made: what was sent to `/pulls`: each is an open pull request from then on.
    """

    url: str
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    scopes: str = "repo"
    made: list[dict[str, Any]] = field(default_factory=list)

    def protect(self, branch: str, *rules: str, bypass: str = "never", **parameters: Any) -> None:
        """A ruleset with these rules for a branch."""
        number = len(self.answers) + 1
        listed = [{"type": rule, "ruleset_id": number, "parameters": parameters} for rule in rules]
        self.answers[f"/rules/branches/{branch}"] = (200, listed)
        self.answers[f"/rulesets/{number}"] = (200, {"id": number, "current_user_can_bypass": bypass})

    def open_pull(self, document: dict[str, Any]) -> tuple[int, Any]:
        """Open a pull request, as `POST /pulls` does."""
        number = len(self.made) + 1
        self.made.append(
            {**document, "number": number, "html_url": f"https://github.com/o/r/pull/{number}"}
        )
        self.answers["/pulls"] = (200, self.made)
        return 201, self.made[-1]


@contextmanager
def serving(repository: str = "o/r") -> Iterator[Hub]:
    """A server on loopback for the time of a test."""
    hub = Hub("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].removeprefix(f"/repos/{repository}")
            hub.asked.append(path)
            self._answer(*hub.answers.get(path, (200, []) if path == "/pulls" else MISSING))

        def do_POST(self) -> None:
            path = self.path.removeprefix(f"/repos/{repository}")
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hub.asked.append(f"POST {path}")
            self._answer(*(hub.open_pull(sent) if path == "/pulls" else MISSING))

        def _answer(self, status: int, document: Any) -> None:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, document = 401, {"message": "Bad credentials"}
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("X-OAuth-Scopes", hub.scopes)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with StandInServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield hub
        server.shutdown()
