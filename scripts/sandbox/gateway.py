"""A STAND-IN for Supabase's gateway: `python -m scripts.sandbox.gateway FOLDER`, one port an environment.

    /rest/v1/TABLE                            the part of PostgREST that `postgrest` names
    POST /auth/v1/token?grant_type=password   a log-in; POST /auth/v1/signup: a new user
    /functions/v1/NAME                        which version of an Edge Function is deployed
    /v1/projects/REF/...                      the part of the Management API that `management_api` names

Real are PostgreSQL, the roles (`authenticator` becomes `anon`, `authenticated` or `service_role`, as the
token says), the claims in `request.jwt.claims`, and so row level security. It does NOT prove anything
else about PostgREST and GoTrue: their limits, realtime, storage; and no function is run.
Files in FOLDER, the world's `api/`: gateway.json (0600), log, pid, and what `management_api` keeps.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from scripts.sandbox import gateway_database, management_api, stand_in, tokens
from scripts.sandbox.gateway_database import Database, Fault
from scripts.sandbox.hang_ups import StandInServer
from scripts.sandbox.management_api import ManagementApi
from scripts.sandbox.postgrest import NotUnderstoodError, Query

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MAX_BYTES = 20_000_000  # of a request: a bundle of functions
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
    "access-control-allow-headers": "apikey, authorization, content-type, prefer, x-client-info",
    "access-control-max-age": "600",
}


def start(
    folder: Path, postgres: Mapping[str, Any], projects: Sequence[Mapping[str, Any]], token: str
) -> None:
    """Start the gateway unless it runs.

    Args:
        folder: the world's `api/`.
        postgres: `port` and `password` (of `postgres` and `authenticator`).
        projects: `port`, `database`, `jwt_secret` and `ref` of each environment.
        token: of the Management API.

    Raises:
        Refused: another program uses one of its ports.
        CommandFailed: it did not start.
    """
    settings = {"postgres": dict(postgres), "projects": list(map(dict, projects)), "token": token}
    listens = [project["port"] for project in projects]
    stand_in.start("Supabase stand-in", folder, listens, settings=settings, module="gateway")


class Project(StandInServer):
    """The gateway of one environment."""

    def __init__(
        self, port: int, jwt_secret: str, database: Database, ref: str, management: ManagementApi
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.jwt_secret = jwt_secret
        self.database = database
        self.ref = ref
        self.management = management


class Handler(BaseHTTPRequestHandler):
    """Answers as PostgREST and GoTrue would."""

    server: Project
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # send headers and body together: Nagle would delay the second by 40 ms
    disable_nagle_algorithm = True

    def do_OPTIONS(self) -> None:
        """Answer the preflight request of a browser."""
        self._send(204, None)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """`do_GET`, `do_POST` and so on are one method."""
        if name.removeprefix("do_") in METHODS:
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MAX_BYTES))
        try:
            self._route(urlsplit(self.path), body)
        except Fault as fault:
            self._send(fault.status, fault.document)
        except NotUnderstoodError as fault:
            error = {"code": "PGRST100", "message": str(fault), "details": None, "hint": "a stand-in"}
            self._send(400, error)

    def _route(self, parts: SplitResult, body: bytes) -> None:
        if parts.path.startswith(management_api.PREFIX):
            query = dict(parse_qsl(parts.query))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = management_api.Asked(self.command, parts.path, query, headers, body)
            self._send(*self.server.management.answer(asked))
            return
        if parts.path.startswith("/functions/v1/"):
            self._function(parts.path.removeprefix("/functions/v1/"))
            return
        claims = self._claims()
        area, _, rest = parts.path.removeprefix("/").partition("/v1/")
        if area == "rest":
            self._rest(rest, parts.query, claims, body)
        elif area == "auth":
            self._auth(rest, body)
        else:
            raise Fault(404, {"message": "no Route matched with those values"})

    def _claims(self) -> dict[str, Any]:
        """The claims of the log-in's token, else of the key; both must be signed by this project."""
        key = self.headers.get("apikey", "")
        if not key:
            raise Fault(401, {"message": "No API key found in request"})
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ").strip()
        of_key = tokens.claims_of(key, self.server.jwt_secret)
        claims = tokens.claims_of(bearer, self.server.jwt_secret) if bearer else of_key
        if of_key is None:
            raise Fault(401, {"message": "Invalid API key"})
        if claims is None or claims.get("role") not in gateway_database.ROLES:
            raise Fault(401, {"code": "PGRST301", "message": "JWSError JWSInvalidSignature"})
        return claims

    def _function(self, name: str) -> None:
        """Which version is deployed; a function that verifies tokens wants one of this project."""
        row = self.server.management.function(self.server.ref, name)
        if row is None:
            raise Fault(404, {"code": "NOT_FOUND", "message": "Requested function was not found"})
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if row["verify_jwt"] and tokens.claims_of(bearer, self.server.jwt_secret) is None:
            raise Fault(401, {"code": 401, "message": "Missing authorization header or invalid JWT"})
        self._send(200, {"function": name, "version": row["version"], "sha256": row["ezbr_sha256"]})

    def _rest(self, table: str, query: str, claims: dict[str, Any], body: bytes) -> None:
        prefer = self.headers.get("prefer", "")
        pairs = parse_qsl(query, keep_blank_values=True)
        method = "GET" if self.command == "HEAD" else self.command
        returns = method == "GET" or "return=representation" in prefer
        text = self.server.database.query(Query(method, table, pairs, body, returns), claims)
        status = 201 if method == "POST" else 200 if returns else 204
        self._send(status, text)

    def _auth(self, path: str, body: bytes) -> None:
        if path == "health":
            self._send(200, {"name": "GoTrue", "version": "stand-in", "description": "a stand-in"})
            return
        if self.command != "POST" or path not in ("token", "signup"):
            raise Fault(404, {"code": 404, "msg": "not known to this stand-in"})
        try:
            form = json.loads(body)
            email, password = str(form["email"]), str(form["password"])
        except (ValueError, KeyError, TypeError):
            raise Fault(400, {"error_code": "validation_failed", "msg": "email and password"}) from None
        if path == "signup":
            self.server.database.sign_up(email, password)
        user = self.server.database.user(email, password)
        if user is None:
            raise Fault(400, {"error_code": "invalid_credentials", "msg": "Invalid login credentials"})
        claims = {"sub": user, "role": "authenticated", "aud": "authenticated", "email": email}
        token = tokens.signed({**claims, "exp": int(time.time()) + 3600}, self.server.jwt_secret)
        session = {"access_token": token, "token_type": "bearer", "expires_in": 3600}
        self._send(200, {**session, "user": {"id": user, "email": email}})

    def _send(self, status: int, content: object) -> None:
        """Send a document, a JSON text, or nothing."""
        text = content if isinstance(content, str) else json.dumps(content)
        raw = b"" if content is None or status == 204 else text.encode()
        self.send_response(status)
        for name, value in {**CORS, "content-type": "application/json; charset=utf-8"}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: a query may hold names."""


def main(arguments: list[str]) -> None:
    """Serve the projects of a folder until the process is ended."""
    (folder,) = arguments
    settings = json.loads((Path(folder).resolve() / "gateway.json").read_bytes())
    refs = [project["ref"] for project in settings["projects"]]
    management = ManagementApi(Path(folder).resolve(), refs, settings["token"])
    gateways = [
        Project(
            project["port"],
            project["jwt_secret"],
            Database(name=project["database"], **settings["postgres"]),
            project["ref"],
            management,
        )
        for project in settings["projects"]
    ]
    for gateway in gateways[1:]:
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
    gateways[0].serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
