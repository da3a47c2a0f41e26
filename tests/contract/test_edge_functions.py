"""The bundles of Edge Functions, and the stand-in, against a recording of the real Supabase CLI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import pytest

from scripts.config.desk import Desk
from scripts.config.settings import Supabase
from scripts.database.edge_functions.sources import EdgeFunction, sources_of
from scripts.sandbox.management_api import Asked, ManagementApi
from tests.fakes.functions import TOKEN
from tests.fakes.git import FakeGit, FakeRemote

RECORDED = json.loads((Path(__file__).parent / "recordings" / "edge_functions.json").read_text())
PROJECT = RECORDED["project"]
KINDS = {"string": str, "integer": int, "boolean": bool}


@dataclass(frozen=True)
class Call:
    """One request that the CLI sent."""

    method: str
    path: str
    type: str
    body: str

    @property
    def asked(self) -> Asked:
        """As the stand-in gets it."""
        parts = urlsplit(self.path)
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": self.type}
        return Asked(self.method, parts.path, dict(parse_qsl(parts.query)), headers, self.body.encode())

    def parts(self) -> Iterator[tuple[Message, str]]:
        """The parts of its bundle, each with its text, which no library has changed."""
        import email

        for text in self.body.split("--BOUNDARY")[1:-1]:
            head, _, body = text.lstrip("\r\n").partition("\r\n\r\n")
            yield email.message_from_string(head), body.removesuffix("\r\n")


CALLS = [Call(**call) for call in RECORDED["calls"]]
BUNDLES = {call.asked.query["slug"]: call for call in CALLS if "bundleOnly" in call.path}


@pytest.fixture(scope="module")
def functions() -> dict[str, EdgeFunction]:
    """What the desk finds in the same files."""
    remote = FakeRemote()
    commit = remote.commit(RECORDED["files"])
    settings = SimpleNamespace(supabase=Supabase())
    desk = cast(Desk, SimpleNamespace(git=FakeGit(remote), settings=settings))
    found = sources_of(desk, commit, PROJECT)
    assert found.notes == ("`old` is not enabled in `supabase/config.toml`",)
    return {function.name: function for function in found.functions}


def test_the_same_functions_are_deployed(functions: dict[str, EdgeFunction]) -> None:
    """Those with an entry point, which `config.toml` does not switch off."""
    assert {*functions} == {*BUNDLES}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_is_what_the_cli_uploads(functions: dict[str, EdgeFunction], name: str) -> None:
    """File by file; imports, import maps and static files found as the CLI finds them."""
    uploaded, metadata = {}, {}
    for head, text in BUNDLES[name].parts():
        if head.get_param("name", header="content-disposition") == "metadata":
            metadata = json.loads(text)
        else:
            uploaded[head.get_filename()] = text
    function = functions[name]

    assert function.files == uploaded
    assert metadata == {
        "name": name,
        "entrypoint_path": function.entrypoint,
        "import_map_path": function.import_map,
        "static_patterns": list(function.static_files),
        "verify_jwt": function.verify_jwt,
    }


def test_the_stand_in_takes_what_the_cli_sends(tmp_path: Path) -> None:
    """Nothing is active until the list is put; each row is one of the published description."""
    api = ManagementApi(tmp_path, [PROJECT], TOKEN)
    answers: list[tuple[int, Any]] = []
    for call in CALLS:
        answers.append(api.answer(call.asked))
        if call.method == "POST" and "bundleOnly" in call.path:
            assert api.function(PROJECT, call.asked.query["slug"]) is None
    rows = {row["slug"]: row for row in answers[-1][1]}
    required, types = RECORDED["row"]["required"], RECORDED["row"]["types"]

    assert [status for status, _ in answers] == [201, 201, 201, 200, 200, 201, 200]
    assert {name: (row["version"], row["verify_jwt"]) for name, row in rows.items()} == {
        "hello": (1, True),
        "web": (1, False),
        "plain": (2, False),
    }
    for row in rows.values():
        assert {*required} <= {*row} <= {*types}
        assert all(isinstance(value, KINDS[types[key]]) for key, value in row.items())
    recorded = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]
    assert [each["files"] for each in recorded][2] == sorted(
        ["lib/near.ts", "supabase/functions/import_map.json", "supabase/functions/plain/index.ts"]
    )


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"headers": {"authorization": "Bearer other"}}, 401),
        ({"path": "/v1/projects/zzzzzzzzzzzzzzzzzzzz/functions"}, 404),
        ({"path": f"/v1/projects/{PROJECT}/functions/nothing"}, 404),
    ],
)
def test_the_stand_in_refuses_strangers(tmp_path: Path, changes: dict[str, Any], status: int) -> None:
    """As the API does."""
    known = {"method": "GET", "path": f"/v1/projects/{PROJECT}/functions", "query": {}, "body": b""}
    asked = Asked(**{**known, "headers": {"authorization": f"Bearer {TOKEN}"}, **changes})

    assert ManagementApi(tmp_path, [PROJECT], TOKEN).answer(asked)[0] == status


def test_the_stand_in_refuses_a_bundle_that_lacks_a_file(tmp_path: Path) -> None:
    """As the bundler does: a module that is imported must be there."""
    call = BUNDLES["hello"]
    broken = Call(call.method, call.path, call.type, call.body.replace("./side.ts", "./nothing.ts"))
    status, document = ManagementApi(tmp_path, [PROJECT], TOKEN).answer(broken.asked)

    assert status == 400
    assert "Module not found" in document["message"]
