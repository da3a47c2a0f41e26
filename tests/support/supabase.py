"""A stand-in for Supabase's Management API and for its CLI: the secrets of one project."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.support.servers import serving, text

PROJECT = "abcdefghijklmnopqrst"
TOKEN = "sbp_" + "0123456789" * 4
CLI = f"""#!{sys.executable}
import hashlib, json, os, pathlib, shlex, stat, sys
file = next(each.partition("=")[2] for each in sys.argv if each.startswith("--env-file="))
kept = pathlib.Path(__file__).with_name("kept.json")
call = {{"argv": sys.argv[1:], "env": dict(os.environ), "mode": stat.S_IMODE(os.stat(file).st_mode)}}
call |= {{"links": os.stat(file).st_nlink, "beside": sorted(os.listdir())}}
profile = os.environ.get("SUPABASE_PROFILE")
call["profile"] = pathlib.Path(profile).read_text() if profile else None
kept.with_name("call.json").write_text(json.dumps(call))
if kept.with_name("deaf").exists():
    print("{{}}")
    sys.exit()
if kept.with_name("failing").exists():
    print(json.dumps({{"_tag": "Error", "error": {{"message": "no such project"}}}}))
    sys.exit(1)
rows = {{row["name"]: row for row in json.loads(kept.read_text())}}
for line in pathlib.Path(file).read_text().splitlines():
    if kept.with_name("halting").exists() and rows:
        break
    name, _, value = line.partition("=")
    rows[name] = {{"name": name, "value": hashlib.sha256(value[1:-1].encode()).hexdigest()}}
kept.write_text(json.dumps(list(rows.values())))
if kept.with_name("halting").exists():
    print(json.dumps({{"_tag": "Error", "error": {{"message": "the connection broke off"}}}}))
    sys.exit(1)
print("{{}}")
"""


@dataclass(frozen=True)
class Project:
    """The stand-in; `keep` and `call` look into what it was given."""

    url: str
    folder: Path

    @property
    def cli(self) -> Path:
        """The CLI's binary."""
        return self.folder / "supabase"

    def keep(self, rows: object) -> None:
        """Have the API answer with this document."""
        (self.folder / "kept.json").write_text(json.dumps(rows))

    def behave(self, how: str) -> None:
        """`deaf`: the CLI keeps nothing, and succeeds; `failing`: it says no; `halting`: after one."""
        (self.folder / how).touch()

    @property
    def call(self) -> dict[str, Any] | None:
        """The CLI's last call: argv, env, mode and profile."""
        file = self.folder / "call.json"
        call: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
        return call


@contextmanager
def standing_in(folder: Path) -> Iterator[Project]:
    """Both, for the time of a test."""
    folder.mkdir()
    cli = folder / "supabase"
    cli.write_text(CLI)
    cli.chmod(0o700)
    with serving() as server:
        project = Project(server.url, folder)
        project.keep([])

        def answer(handler: BaseHTTPRequestHandler) -> None:
            known = handler.headers["Authorization"] == f"Bearer {TOKEN}"
            body = (folder / "kept.json").read_text() if known else "{}"
            text(body, 200 if known else 401)(handler)

        server.answers[f"/v1/projects/{PROJECT}/secrets"] = answer
        yield project
