"""A stand-in for the part of Supabase's Management API that `supabase branches` asks, over HTTP.

    GET    /v1/projects/REF                         that it is there
    GET    /v1/projects/REF/branches                the branches; POST: make one
    GET    /v1/projects/REF/branches/NAME           one
    GET    /v1/branches/BRANCH                      its addresses and passwords; DELETE: it is gone
    GET    /v1/projects/BRANCH/api-keys             its keys
    GET    /v1/projects/BRANCH/config/database/pooler

Paths, statuses and keys are those of the published OpenAPI description, and what the CLI 3.1.0 was seen to
ask; the CLI checks the answers. It proves nothing of how long a real branch takes, or of what is in it.
"""

from __future__ import annotations

import http.server
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.sandbox.hang_ups import StandInServer

PARENT, BRANCH = "a" * 20, "b" * 20
TOKEN = "sbp_" + "0123456789" * 4
NOW = "2030-01-01T00:00:00Z"
Reply = tuple[int, Any]


@dataclass
class BranchesApi:
    """One project, which can have one branch.

    Args:
        port, password: of the branch's database.
        rows: the branches, by their refs.
        coming: so many looks at the list find a new branch that is not ready.
        asked: every request, as "METHOD /path".
        bodies: what was posted.
    """

    port: int = 5432
    password: str = "password-of-a-fake"
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    coming: int = 0
    asked: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """Status and document."""
        self.asked.append(f"{method} {path}")
        if path == f"/v1/projects/{PARENT}":
            database = {"host": "x", "version": "17", "postgres_engine": "17", "release_channel": "ga"}
            known = {"id": PARENT, "ref": PARENT, "organization_id": "o", "organization_slug": "o"}
            state = {"name": "n", "region": "eu", "created_at": NOW, "status": "ACTIVE_HEALTHY"}
            return 200, {**known, **state, "database": database}
        if path == f"/v1/projects/{PARENT}/branches":
            return self._all(method, body)
        if path.startswith(f"/v1/projects/{PARENT}/branches/"):
            row = next((row for row in self.rows.values() if row["name"] == path.rpartition("/")[2]), None)
            return (200, row) if row else (404, {"message": "Branch not found"})
        ref = path.split("/")[3] if path.count("/") >= 3 else ""
        if ref not in self.rows:
            return 404, {"message": "Not Found"}
        return self._of_branch(method, ref, path.partition(ref)[2].strip("/"))

    def _all(self, method: str, body: bytes) -> Reply:
        if method == "GET":
            self.coming = max(0, self.coming - 1)
            state = "CREATING_PROJECT" if self.coming else "FUNCTIONS_DEPLOYED"
            return 200, [{**row, "status": state} for row in self.rows.values()]
        sent = json.loads(body)
        self.bodies.append(sent)
        self.rows[BRANCH] = {
            "id": str(uuid.uuid4()),
            "name": sent["branch_name"],
            "project_ref": BRANCH,
            "parent_project_ref": PARENT,
            "is_default": False,
            "persistent": False,
            "with_data": False,
            "status": "CREATING_PROJECT",
            "preview_project_status": "ACTIVE_HEALTHY",
            "created_at": NOW,
            "updated_at": NOW,
        }
        return 201, self.rows[BRANCH]

    def _of_branch(self, method: str, ref: str, what: str) -> Reply:
        if what == "api-keys":
            names = ("anon", "service_role")
            return 200, [{"name": each, "api_key": f"{each}-key-of-it", "type": "legacy"} for each in names]
        if what == "config/database/pooler":
            address = f"postgresql://postgres.{ref}:[YOUR-PASSWORD]@pooler.localhost:6543/postgres"
            host = {"db_user": "postgres", "db_host": "pooler.localhost", "db_port": 6543}
            host |= {"db_name": "postgres"}
            more = {"connection_string": address, "connectionString": address, "pool_mode": "transaction"}
            kind = {"identifier": ref, "database_type": "PRIMARY", "is_using_scram_auth": True}
            return 200, [{**kind, **host, **more, "default_pool_size": None, "max_client_conn": None}]
        if method == "DELETE":
            del self.rows[ref]
            return 200, {"message": "ok"}
        server = {"db_host": "127.0.0.1", "db_port": self.port, "db_user": "postgres"}
        server["db_pass"] = self.password
        kind = {"ref": ref, "postgres_version": "17", "postgres_engine": "17", "release_channel": "ga"}
        return 200, {**kind, **server, "status": "ACTIVE_HEALTHY", "jwt_secret": f"jwt-secret-of-{ref}"}


@contextmanager
def serving(api: BranchesApi) -> Iterator[str]:
    """The stand-in on loopback, for the time of a test; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            status, document = api.answer(self.command, path, body)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, document = 401, {"message": "Unauthorized"}
            raw = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = reply  # noqa: N815 - names of the library

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with StandInServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
