"""A STAND-IN for Supabase's Management API: what the CLI's `functions` and `secrets` ask, and no more.

    GET    /v1/projects/REF                            that it is there
    GET    /v1/projects/REF/functions                  the list; PUT: activate bundles, all at once
    POST   /v1/projects/REF/functions/deploy?slug=...  a bundle (multipart); `bundleOnly=true`: not active
    GET    /v1/projects/REF/functions/NAME             one; DELETE: remove it
    GET    /v1/projects/REF/analytics/endpoints/logs?sql=...  rows of a file, newest first
    GET    /v1/projects/REF/secrets                    names and SHA-256; POST: set; DELETE: remove

Shapes and statuses are those of the published OpenAPI description, the calls those that the CLI 3.1.0 was
seen to make. A bundle is refused (400) if its entry point, or a file that a relative import names, is not
in it. It does NOT prove how the real bundler reads a source, runs no function, and knows no SQL: of a query
for logs it sees what the real one demands: the table, sources, a limit, and at most 24 hours.
Files in FOLDER, the world's `api/`:

    functions/REF.json   each function: its row of the list, and its files
    logs/REF.json        {"rows": [{"id", "timestamp", "source", "event_message"}]}, which a test writes
    secrets/REF.json     each secret: the SHA-256 of its value
    asked.jsonl          every request: {"method", "path", "query", "files", "metadata", "status"}
    faults.json          faults to play: {"functions/deploy?slug=hello": {"status": 503, "message": "..."}}
"""

from __future__ import annotations

import email.parser
import email.policy
import hashlib
import json
import posixpath
import re
import threading
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scripts.database.edge_functions import import_map
from scripts.sandbox.host_config import write_private

PREFIX = "/v1/projects/"
LOGS = "analytics/endpoints/logs"
Answer = tuple[int, Any]


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def what(self) -> tuple[str, str]:
        """The project, and what is asked of it."""
        ref, _, rest = self.path.removeprefix(PREFIX).partition("/")
        return ref, rest


@dataclass
class Bundle:
    """The parts of a multipart request."""

    metadata: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Of all that is in it."""
        return hashlib.sha256(json.dumps([self.metadata, self.files], sort_keys=True).encode()).hexdigest()


class ManagementApi:
    """The projects of one world."""

    def __init__(self, folder: Path, refs: Collection[str], token: str) -> None:
        self.folder = folder
        self._refs = refs
        self._token = token
        self._guard = threading.Lock()
        self._bundled: dict[tuple[str, str], dict[str, Any]] = {}

    def answer(self, asked: Asked) -> Answer:
        """Status and document."""
        ref, rest = asked.what
        bundle = _bundle(asked) if asked.method == "POST" and rest == "functions/deploy" else Bundle()
        with self._guard:
            status, document = self._answer(asked, ref, rest, bundle)
            record: dict[str, Any] = {
                "method": asked.method,
                "path": asked.path,
                "query": dict(asked.query),
            }
            record |= {"files": sorted(bundle.files), "metadata": bundle.metadata, "status": status}
            with (self.folder / "asked.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
        return status, document

    def function(self, ref: str, name: str) -> dict[str, Any] | None:
        """A function's row; None where there is none."""
        known = self._read("functions", ref).get(name)
        return known["row"] if known else None

    def _answer(self, asked: Asked, ref: str, rest: str, bundle: Bundle) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {self._token}" or ref not in self._refs:
            return (404 if ref not in self._refs else 401), {"message": "no such project, or token"}
        slug = asked.query.get("slug")
        fault = self._faults().get(f"{rest}?slug={slug}" if slug else rest)
        if fault:
            return int(fault.get("status", 500)), {"message": fault.get("message", "a fault to play")}
        if not rest:
            return 200, _project(ref)
        if rest in (LOGS, "secrets", "functions"):
            lists = {"secrets": self._secrets, "functions": self._list, LOGS: self._logs}
            return lists[rest](asked, ref)
        if asked.method == "POST" and rest == "functions/deploy":
            return self._deploy(asked, ref, bundle)
        return self._one(asked, ref, rest.removeprefix("functions/"))

    def _list(self, asked: Asked, ref: str) -> Answer:
        known = self._read("functions", ref)
        if asked.method == "PUT":
            rows = json.loads(asked.body)
            if any((ref, row["slug"]) not in self._bundled for row in rows):
                return 400, {"message": "a function of the list was not bundled"}
            for row in rows:
                known[row["slug"]] = self._active(known, self._bundled.pop((ref, row["slug"])))
            self._write("functions", ref, known)
            return 200, {"functions": [each["row"] for each in known.values()]}
        if asked.method == "GET":
            return 200, [each["row"] for each in known.values()]
        return 404, {"message": f"Cannot {asked.method} {asked.path}"}

    def _deploy(self, asked: Asked, ref: str, bundle: Bundle) -> Answer:
        """Bundle one function; active at once, unless only a bundle is asked for."""
        slug = asked.query.get("slug") or str(bundle.metadata.get("name", ""))
        lacks = _missing(bundle)
        if lacks:
            return 400, {"message": f"Failed to bundle the function (reason: {lacks})"}
        known = self._read("functions", ref)
        made = {"row": _row(slug, bundle, known.get(slug, {}).get("row")), "files": bundle.files}
        if asked.query.get("bundleOnly") == "true":
            self._bundled[(ref, slug)] = made
        else:
            known[slug] = self._active(known, made)
            self._write("functions", ref, known)
        return 201, made["row"]

    @staticmethod
    def _active(known: Mapping[str, Any], made: dict[str, Any]) -> dict[str, Any]:
        now = int(time.time() * 1000)
        before = known.get(made["row"]["slug"], {}).get("row", {})
        return {**made, "row": {**made["row"], "version": before.get("version", 0) + 1, "updated_at": now}}

    def _one(self, asked: Asked, ref: str, slug: str) -> Answer:
        known = self._read("functions", ref)
        if slug not in known or asked.method not in ("GET", "DELETE"):
            return 404, {"message": "Function not found"}
        if asked.method == "GET":
            return 200, known[slug]["row"]
        del known[slug]
        self._write("functions", ref, known)
        return 200, None

    def _secrets(self, asked: Asked, ref: str) -> Answer:
        known = self._read("secrets", ref)
        if asked.method == "GET":
            return 200, [{"name": name, "value": digest} for name, digest in known.items()]
        sent = json.loads(asked.body)
        if asked.method == "POST":
            known |= {row["name"]: hashlib.sha256(row["value"].encode()).hexdigest() for row in sent}
        else:
            known = {name: digest for name, digest in known.items() if name not in sent}
        self._write("secrets", ref, known)
        return (201 if asked.method == "POST" else 200), None

    def _logs(self, asked: Asked, ref: str) -> Answer:
        return logs_of(asked.query, self._read("logs", ref).get("rows", []))

    def _faults(self) -> Mapping[str, Mapping[str, Any]]:
        try:
            faults = json.loads((self.folder / "faults.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return faults if isinstance(faults, dict) else {}

    def _read(self, what: str, ref: str) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads((self.folder / what / f"{ref}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return known

    def _write(self, what: str, ref: str, known: Mapping[str, Any]) -> None:
        (self.folder / what).mkdir(mode=0o700, exist_ok=True)
        write_private(self.folder / what / f"{ref}.json", known)


def _minute(moment: datetime) -> datetime:
    return (moment + timedelta(seconds=30)).replace(second=0, microsecond=0, tzinfo=UTC)


def logs_of(query: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> Answer:
    """The rows of the time that is asked for; its ends are rounded to the nearest minutes."""
    sql = " ".join(query.get("sql", "").split())
    limit = re.search(r" from logs where source in \((.+)\) order by timestamp desc limit ([0-9]+)$", sql)
    try:
        begin, end = (
            _minute(datetime.fromisoformat(query[f"iso_timestamp_{each}"])) for each in ("start", "end")
        )
    except (KeyError, ValueError):
        return 400, {"message": "iso_timestamp_start and iso_timestamp_end are needed"}
    if end - begin > timedelta(hours=24):
        return 400, {"message": "the timestamp range must be no more than 24 hours"}
    if limit is None:
        return 200, {
            "error": "a stand-in knows this query only: from logs, by source, newest first, limited"
        }
    found = [
        row
        for row in rows
        if f"'{row['source']}'" in limit[1]
        and begin <= datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC) < end
    ]
    newest = sorted(found, key=lambda row: str(row["timestamp"]), reverse=True)
    return 200, {"result": newest[: int(limit[2])]}


def _bundle(asked: Asked) -> Bundle:
    head = f"content-type: {asked.headers.get('content-type', '')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + asked.body)
    found = Bundle()
    for part in message.iter_parts() if message.is_multipart() else ():
        data = part.get_payload(decode=True)
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else ""
        name = part.get_param("name", header="content-disposition")
        if name == "metadata":
            found.metadata = json.loads(text)
        elif name == "file":
            found.files[part.get_filename() or ""] = text
    return found


def _missing(bundle: Bundle) -> str:
    """What the bundler would not find; "" where all is there."""
    entry = bundle.metadata.get("entrypoint_path")
    if entry not in bundle.files:
        return f"Entrypoint path does not exist - {entry}"
    for path, text in bundle.files.items():
        for wanted in import_map.imports_of(text) if path.endswith((".ts", ".js", ".tsx", ".mjs")) else ():
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), wanted))
            if wanted.startswith(("./", "../")) and target not in bundle.files:
                return f'Module not found "file:///{target}"'
    return ""


def _row(slug: str, bundle: Bundle, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """A `DeployFunctionResponse`."""
    now = int(time.time() * 1000)
    return {
        "id": before["id"] if before else str(uuid.uuid4()),
        "slug": slug,
        "name": bundle.metadata.get("name", slug),
        "status": "ACTIVE",
        "version": (before["version"] if before else 0) + 1,
        "created_at": before["created_at"] if before else now,
        "updated_at": now,
        "verify_jwt": bundle.metadata.get("verify_jwt", True),
        "import_map": bool(bundle.metadata.get("import_map_path")),
        "entrypoint_path": bundle.metadata["entrypoint_path"],
        "import_map_path": bundle.metadata.get("import_map_path") or "",
        "ezbr_sha256": bundle.sha256,
    }


def _project(ref: str) -> dict[str, Any]:
    """A `V1ProjectWithDatabaseResponse`."""
    known = {"id": ref, "ref": ref, "organization_id": "sandbox", "organization_slug": "sandbox"}
    database = {"host": f"db.{ref}.localhost", "version": "17", "postgres_engine": "17"}
    return {
        **known,
        "name": ref,
        "region": "loopback",
        "created_at": "2026-01-01T00:00:00Z",
        "status": "ACTIVE_HEALTHY",
        "database": {**database, "release_channel": "ga"},
    }
