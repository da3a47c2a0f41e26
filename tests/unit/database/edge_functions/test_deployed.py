"""A project's functions: listed over REST, and deployed by the CLI with the files of their bundles."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.database.edge_functions.deployed import Functions, config
from scripts.database.edge_functions.record import Deployed
from scripts.database.edge_functions.sources import EdgeFunction
from scripts.errors import CommandFailed, DeskError, ReleaseFailed, Unreachable
from scripts.system.secret import Secret
from tests.support.servers import Server, serving, text
from tests.support.supabase import PROJECT, TOKEN

CLI = f"""#!{sys.executable}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
files = {{str(p): p.read_bytes().hex() for p in sorted(pathlib.Path().rglob("*")) if p.is_file()}}
call = {{"argv": sys.argv[1:], "files": files, "git": os.path.isdir(".git"), "env": dict(os.environ)}}
(here / "call.json").write_text(json.dumps(call))
answer = (here / "answer").read_text()
print(answer)
sys.exit("Error" in answer)
"""
ROW = {
    "id": "i",
    "slug": "a",
    "name": "a",
    "status": "ACTIVE",
    "version": 3,
    "updated_at": 5,
    "created_at": 1,
}
A = EdgeFunction(
    "a",
    {"supabase/functions/a/index.ts": "a", "lib/x.ts": "\udcff", "supabase/functions/a/deno.json": "{}"},
    "supabase/functions/a/index.ts",
    "supabase/functions/a/deno.json",
    ("supabase/functions/a/*.html",),
)
B = EdgeFunction("b", {"supabase/functions/b/index.ts": "b"}, "supabase/functions/b/index.ts")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The API."""
    monkeypatch.delenv("SUPABASE_PROFILE", raising=False)
    with serving() as running:
        yield running


@pytest.fixture
def cli(tmp_path: Path) -> Path:
    """A stand-in for the CLI, which keeps what it was given."""
    file = tmp_path / "supabase"
    file.write_text(CLI)
    file.chmod(0o700)
    (tmp_path / "answer").write_text("{}")
    return file


def functions(server: Server | None = None) -> Functions:
    """The project there."""
    return Functions(PROJECT, Secret(TOKEN), *([server.url] if server else []))


def answer(server: Server, document: object, status: int = 200) -> None:
    """Have the list answered so."""
    server.answers[f"/v1/projects/{PROJECT}/functions"] = text(json.dumps(document), status)


def test_the_list_is_read_by_name(server: Server) -> None:
    """Removed ones are gone; what the API does not give is not made up."""
    rows = [
        ROW,
        {**ROW, "slug": "b", "verify_jwt": False, "ezbr_sha256": "f"},
        {**ROW, "status": "REMOVED"},
    ]
    answer(server, rows)

    assert functions(server).listed() == {
        "a": Deployed("a", 3, 5),
        "b": Deployed("b", 3, 5, verify_jwt=False, sha256="f"),
    }
    assert server.headers[0]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("document", "status", "fault", "hint"),
    [
        ({}, 200, CommandFailed, None),
        ([{"status": "ACTIVE"}], 200, CommandFailed, None),
        ({}, 403, Unreachable, "edge_functions_write"),
        ({}, 503, Unreachable, None),
    ],
)
def test_what_is_no_list_is_never_taken_for_one(
    server: Server, document: object, status: int, fault: type[DeskError], hint: str | None
) -> None:
    """Else every function would seem to be new."""
    answer(server, document, status)
    with pytest.raises(fault) as caught:
        functions(server).listed()

    assert type(caught.value) is fault
    assert (hint or "") in (caught.value.hint or "")


def test_the_cli_gets_the_bundles_and_nothing_else(cli: Path) -> None:
    """Byte for byte; no `--prune`, no Docker, and the token in its environment alone."""
    functions().deploy(cli, "supabase/functions", [(A, True), (B, False)])
    call: dict[str, Any] = json.loads(cli.with_name("call.json").read_text())

    assert call["argv"][:4] == ["functions", "deploy", "a", "b"]
    assert {f"--remote={PROJECT}", "--use-api", "--yes", "--output-format=json"} <= {*call["argv"]}
    assert not [word for word in call["argv"] if "prune" in word or TOKEN in word]
    assert call["env"]["SUPABASE_ACCESS_TOKEN"] == TOKEN
    assert call["git"]
    assert {*call["files"]} == {*A.files, *B.files, "supabase/config.toml"}
    assert call["files"]["lib/x.ts"] == "ff"


def test_the_configuration_says_everything() -> None:
    """Paths are below `supabase/`; what one does not have is left out."""
    known = tomllib.loads(config("supabase", [(A, False), (B, True)]))["functions"]

    assert known == {
        "a": {
            "verify_jwt": False,
            "entrypoint": "./functions/a/index.ts",
            "import_map": "./functions/a/deno.json",
            "static_files": ["./functions/a/*.html"],
        },
        "b": {"verify_jwt": True, "entrypoint": "./functions/b/index.ts"},
    }


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("unexpected deploy status 400: failed to bundle", ReleaseFailed),
        ("failed to read file: open x.ts: not a directory", ReleaseFailed),
        ("unexpected deploy status 400: x\nunexpected deploy status 503: y", CommandFailed),
        ("unexpected deploy status 403: no", CommandFailed),
        ("failed to deploy function: TransportError", CommandFailed),
    ],
)
def test_only_the_source_makes_a_commit_bad(cli: Path, message: str, fault: type[DeskError]) -> None:
    """A network, a log-in or a full project says nothing of it."""
    error = {"_tag": "Error", "error": {"message": message}}
    cli.with_name("answer").write_text(json.dumps(error))
    with pytest.raises(fault) as caught:
        functions().deploy(cli, "supabase/functions", [(B, True)])

    assert type(caught.value) is fault
    assert message.splitlines()[0] in caught.value.message
