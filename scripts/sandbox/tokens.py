"""JSON web tokens as Supabase makes them (HS256): keys of a project, and what a log-in gives."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

FAR = 4_102_444_800  # the year 2100


def key(role: str, secret: str) -> str:
    """A key shaped like Supabase's, so that a leak scan can know it by its role."""
    return signed({"iss": "supabase", "ref": "sandbox", "role": role, "exp": FAR}, secret)


def signed(claims: dict[str, Any], secret: str) -> str:
    """The claims as a token."""
    unsigned = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{unsigned}.{_part(_signature(unsigned, secret))}"


def claims_of(token: str, secret: str) -> dict[str, Any] | None:
    """What a token says, None when it is not ours or over."""
    unsigned, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature, _part(_signature(unsigned, secret))):
        return None
    try:
        body = unsigned.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, IndexError):
        return None
    alive = isinstance(claims, dict) and float(claims.get("exp", FAR)) > time.time()
    return claims if alive else None


def _signature(unsigned: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), unsigned.encode(), hashlib.sha256)


def _part(document: object) -> str:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
