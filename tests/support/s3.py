"""An S3-compatible service on this machine: moto, behind a filter that behaves as services do that differ.

`python -m tests.support.s3 MODE` serves one with the bucket `kept` until it is ended, and says where.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import boto3
from botocore.config import Config

BUCKET = "kept"
VALUES = {"BACKUP_S3_KEY_ID": "desk", "BACKUP_S3_SECRET_KEY": "desk-secret"}
Call = MutableMapping[str, Any]
Refusal = tuple[str, str, str]
CHECKSUM = "HTTP_X_AMZ_CHECKSUM_"
# mode -> how the service answers a request that carries a checksum, or announces one
CHECKSUMS_REFUSED: dict[str, Refusal] = {
    "b2": ("400 Bad Request", "InvalidArgument", "Unsupported header received for this API call."),
    "minio": ("400 Bad Request", "XAmzContentSHA256Mismatch", "The provided header does not match."),
    "ceph": ("403 Forbidden", "SignatureDoesNotMatch", ""),
    "gateway": ("403 Forbidden", "AccessDenied", "the request was blocked"),
    "r2": ("501 Not Implemented", "NotImplemented", "Header 'x-amz-checksum-algorithm' not implemented"),
    "lengthy": ("411 Length Required", "MissingContentLength", "Unknown"),
    "wordless": ("400 Bad Request", "", ""),
}
UNCONDITIONAL = ("501 Not Implemented", "NotImplemented", "A header implies functionality that is missing")
# mode -> what it is about; those in which a backup can be stored
GOOD = {
    "plain": "as AWS",
    **dict.fromkeys(CHECKSUMS_REFUSED, "refuses checksums; `b2`, `r2` and `wordless` conditions, too"),
    "unconditional": "refuses conditions",
    "ignorant": "ignores checksums and conditions, keeps no checksum, and its ETag is no MD5",
    "undivided": "refuses uploads in parts",
    "conflicting": "answers the first conditional write with 409",
    "forgetful": "does what was asked, and its first answer to a conditional write is lost",
    "paging": "lists three objects at a time, and knows the old request alone",
}
BAD: dict[str, Refusal] = {
    "forbidding": ("403 Forbidden", "AccessDenied", "Access Denied"),
    "elsewhere": ("400 Bad Request", "AuthorizationHeaderMalformed", "the region is wrong"),
    "down": ("503 Service Unavailable", "ServiceUnavailable", "please come back"),
}


class Service:
    """Moto behind a filter; `mode` may be changed while it runs.

    Args:
        log: method and path with query of each request.
    """

    def __init__(self, mode: str) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.mode, self.log = mode, list[str]()
        self._app: Any = DomainDispatcherApplication(create_backend_app)
        self._first = True
        self._server = make_server("127.0.0.1", 0, self, threaded=True)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def client(self) -> Any:
        """A client of its own, for looks and damage."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="other",
            aws_secret_access_key="other",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def stored_keys(self) -> list[str]:
        """Everything in the bucket."""
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def close(self) -> None:
        """End it; then nobody listens there."""
        self._server.shutdown()
        self._server.server_close()

    def __call__(self, call: Call, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, as the mode says."""
        self.log.append(f"{call['REQUEST_METHOD']} {call['PATH_INFO']}?{call.get('QUERY_STRING', '')}")
        mine = "Credential=desk/" in call.get("HTTP_AUTHORIZATION", "")
        refusal = self._refusal(call) if mine else None
        if refusal:
            return _refuse(start, *refusal)
        if mine and self.mode in ("ignorant", "paging"):
            _strip(call)
        answer: Iterable[bytes] = self._app(call, self._changed(call, start) if mine else start)
        if mine and self.mode == "forgetful" and _conditional(call) and self._is_first():
            list(answer)
            return _refuse(_again(start), "500 Internal Server Error", "InternalError", "sorry")
        return answer

    def _refusal(self, call: Call) -> Refusal | None:
        mode, method = self.mode, call["REQUEST_METHOD"]
        if mode in BAD:
            return BAD[mode]
        if call["wsgi.input"] and "chunked" in call.get("HTTP_CONTENT_ENCODING", ""):
            return ("501 Not Implemented", "NotImplemented", "aws-chunked")
        checks = any(name.startswith((CHECKSUM, "HTTP_X_AMZ_SDK_CHECKSUM")) for name in call)
        if mode in CHECKSUMS_REFUSED and method in ("PUT", "POST") and checks:
            return CHECKSUMS_REFUSED[mode]
        unconditional = mode in ("unconditional", "b2", "r2", "wordless") and _conditional(call)
        if unconditional or (mode == "undivided" and "uploads" in call.get("QUERY_STRING", "")):
            return UNCONDITIONAL
        if mode == "conflicting" and _conditional(call) and self._is_first():
            return ("409 Conflict", "ConditionalRequestConflict", "try again")
        if mode == "halving" and method == "PUT":
            body = call["wsgi.input"].read(int(call["CONTENT_LENGTH"]))
            half = body[: len(body) // 2]
            call["wsgi.input"], call["CONTENT_LENGTH"] = io.BytesIO(half), str(len(half))
        return None

    def _is_first(self) -> bool:
        first, self._first = self._first, False
        return first

    def _changed(self, call: Call, start: Callable[..., Any]) -> Callable[..., Any]:
        """Without the checksums that moto keeps, where the service keeps none."""
        if self.mode != "ignorant":
            return start
        part = "partNumber" in call.get("QUERY_STRING", "")  # its ETag is handed back

        def changed(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = [(name, text) for name, text in headers if "checksum" not in name.lower()]
            odd = [(name, '"odd-1"' if name.lower() == "etag" else text) for name, text in kept]
            return start(status, kept if part else odd, *more)

        return changed


def _strip(call: Call) -> None:
    """Take away what an old service does not read."""
    for name in list(call):
        if name.startswith((CHECKSUM, "HTTP_X_AMZ_SDK_CHECKSUM")) or name == "HTTP_IF_NONE_MATCH":
            del call[name]
    query = dict(parse_qsl(call.get("QUERY_STRING", ""), keep_blank_values=True))
    for name in ("list-type", "start-after", "continuation-token"):
        query.pop(name, None)
    if "prefix" in query:
        query["max-keys"] = "3"
    call["QUERY_STRING"] = urlencode(query)


def _conditional(call: Call) -> bool:
    return "HTTP_IF_NONE_MATCH" in call


def _again(start: Callable[..., Any]) -> Callable[..., Any]:
    """`start_response`, once more, with another answer."""
    return lambda status, headers: start(status, headers, (None, None, None))


def _refuse(start: Callable[..., Any], status: str, code: str, message: str) -> list[bytes]:
    region = "<Region>eu-central-1</Region>" if code == "AuthorizationHeaderMalformed" else ""
    text = f"<Error><Code>{code}</Code><Message>{message}</Message>{region}</Error>" if code else ""
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))])
    return [text.encode()]


@contextlib.contextmanager
def serving(mode: str = "plain") -> Iterator[Service]:
    """A service with an empty bucket."""
    from moto.s3.models import s3_backends

    s3_backends.reset()
    service = Service(mode)
    try:
        service.client.create_bucket(Bucket=BUCKET)
        yield service
    finally:
        service.close()
        s3_backends.reset()  # every service of this process shares them


if __name__ == "__main__":
    with serving(sys.argv[1]) as made:
        print(made.endpoint, flush=True)  # noqa: T201 - whoever started it reads it
        threading.Event().wait()
