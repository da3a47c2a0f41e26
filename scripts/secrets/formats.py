# pure
"""Keys that are known by their form, in a value or in a bundle's bytes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, NamedTuple

# The lengths are limited: in base64 of JSON each object begins with `eyJ`, and would be read to the end.
JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{8,1024}\.eyJ[A-Za-z0-9_-]{8,8192}(?:\.[A-Za-z0-9_-]*)?")
PUBLIC_ROLES = ("anon", "authenticated")
BEFORE, LONGEST = 64, 512  # bytes around a literal in which its pattern is tried
START = rb"(?<![A-Za-z0-9_])"
# In base64 data a match may be chance, so its neighbours must not be base64 characters.
ALONE = rb"(?<![A-Za-z0-9_+/=,-])"
END = rb"(?![A-Za-z0-9+/=])"


class KeyFormat(NamedTuple):
    """One kind of key.

    Args:
        literals: one of them is in every key of the kind; they are searched for first, which is quick.
    """

    label: str
    literals: tuple[bytes, ...]
    pattern: bytes
    severity: Literal["error", "warning"] = "error"


class KeyMatch(NamedTuple):
    """A key in some bytes, from `start` on."""

    label: str
    start: int
    match: bytes
    severity: Literal["error", "warning"] = "error"


class Token(NamedTuple):
    """Claims of a JSON web token; `exp` in seconds of Unix time."""

    role: str
    ref: str
    exp: float | None


FORMATS = (
    KeyFormat("a Supabase secret key", (b"sb_secret_",), START + rb"sb_secret_[A-Za-z0-9_-]{20,}"),
    KeyFormat("a Supabase access token", (b"sbp_",), START + rb"sbp_(?:oauth_|v0_)?[0-9a-f]{40}"),
    KeyFormat("an OpenAI key", (b"sk-",), START + rb"sk-(?:proj|svcacct|admin|service)-[A-Za-z0-9_-]{20,}"),
    KeyFormat("an OpenAI key", (b"T3BlbkFJ",), START + rb"sk-[A-Za-z0-9_-]{16,}T3BlbkFJ[A-Za-z0-9_-]{16,}"),
    KeyFormat(
        "an OpenAI key",
        (b"sk-",),
        START + rb"sk-(?=[A-Za-z]{0,47}[0-9])(?=[a-z0-9]{0,47}[A-Z])[A-Za-z0-9]{40,64}" + END,
    ),
    KeyFormat("an Anthropic key", (b"sk-ant-",), START + rb"sk-ant-[A-Za-z0-9_-]{20,}"),
    KeyFormat("a Stripe key", (b"k_live_",), START + rb"[sr]k_live_[A-Za-z0-9]{16,}"),
    KeyFormat("a Stripe webhook secret", (b"whsec_",), START + rb"whsec_[A-Za-z0-9+/]{24,}"),
    KeyFormat("a Meta access token", (b"EAA",), ALONE + rb"EAA[A-Za-z0-9]{40,}" + END),
    KeyFormat(
        "a GitHub token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
        START + rb"gh[pousr]_[A-Za-z0-9]{36,}",
    ),
    KeyFormat("a GitHub token", (b"github_pat_",), START + rb"github_pat_[A-Za-z0-9_]{60,}"),
    KeyFormat("a GitLab token", (b"glpat-",), START + rb"glpat-[A-Za-z0-9_-]{20,}"),
    KeyFormat("an AWS key", (b"AKIA", b"ASIA"), ALONE + rb"A[KS]IA[A-Z2-7]{16}" + END),
    KeyFormat(
        "a Slack token",
        (b"xoxa-", b"xoxb-", b"xoxp-", b"xoxr-", b"xoxs-"),
        START + rb"xox[abprs]-[0-9]{6,}-[A-Za-z0-9-]{10,}",
    ),
    KeyFormat(
        "a Slack webhook",
        (b"hooks.slack.com",),
        rb"hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{16,}",
    ),
    KeyFormat(
        "a Discord webhook",
        (b"/api/webhooks/",),
        rb"discord(?:app)?\.com/api/webhooks/[0-9]{15,}/[A-Za-z0-9_-]{40,}",
    ),
    KeyFormat("a SendGrid key", (b"SG.",), START + rb"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{40,46}"),
    KeyFormat("an npm token", (b"npm_",), START + rb"npm_[A-Za-z0-9]{36}" + END),
    KeyFormat("an age key", (b"AGE-SECRET-KEY-1",), rb"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    KeyFormat("a Google API key", (b"AIza",), ALONE + rb"AIza[A-Za-z0-9_-]{35}" + END, "warning"),
    KeyFormat(
        "a private key",
        (b"PRIVATE KEY-----",),
        rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----(?:\\+[rn]|\s){1,4}[A-Za-z0-9+/]{32,}",
    ),
    KeyFormat(
        "an address with its password",
        (b"postgres://", b"postgresql://", b"mysql://", b"mongodb", b"redis", b"amqp"),
        rb"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?)://[^\s:/@\"'`<>{}()$\\,]{0,64}:"
        rb"(?=[^\s:/@]{0,127}[0-9])(?!\*)[^\s:/@\"'`<>{}()$\\,]{8,128}@"
        rb"(?!localhost\b|127\.|host\b|hostname\b|example\.|server\b)[A-Za-z0-9.-]+",
    ),
)


def find_keys(data: bytes) -> Iterator[KeyMatch]:
    """Every key in the bytes that is never public; tokens are decoded, and judged by their role."""
    for kind in FORMATS:
        end = 0
        for position in (at for literal in kind.literals for at in positions(data, literal)):
            if position < end:
                continue
            match = _compiled(kind.pattern).search(data, max(end, position - BEFORE), position + LONGEST)
            if match:
                end = match.end()
                yield KeyMatch(kind.label, match.start(), match.group(), kind.severity)
    for position in positions(data, b"eyJ"):
        match = JWT.match(data, position)
        label = _privileged_role(match.group()) if match else ""
        if match and label:
            yield KeyMatch(label, position, match.group())


def positions(data: bytes, literal: bytes) -> Iterator[int]:
    """Where the literal stands: much quicker than a pattern, which is then tried there alone."""
    position = data.find(literal)
    while position >= 0:
        yield position
        position = data.find(literal, position + 1)


def _privileged_role(token: bytes) -> str:
    """What kind of key a token is, if its role is not a visitor's; "" for any other token."""
    claims = _decode_claims(token.split(b".")[1])
    role = claims.get("role") if claims else None
    if not isinstance(role, str) or not role or role in PUBLIC_ROLES:
        return ""
    well_known = role in ("service_role", "supabase_admin", "postgres")
    return f"a key with the role `{role}`" if well_known else "a key with a role that is not public"


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    """Compiled when a literal is found, which is rare: all of them take 2 ms of every task's start."""
    return re.compile(pattern)


@cache
def secret_format(value: str) -> str | None:
    """What kind of key the value is or holds; None if no known format says that it is secret."""
    matches = find_keys(value.encode("utf-8", "surrogateescape"))
    return next((match.label for match in matches if match.severity == "error"), None)


@cache
def parse_token(value: str) -> Token | None:
    """The claims of a JSON web token, None for anything else. The signature is not verified."""
    parts = value.encode("utf-8", "surrogateescape").split(b".")
    if len(parts) != 3 or not value.startswith("eyJ"):
        return None
    claims = _decode_claims(parts[1])
    if claims is None or _decode_claims(parts[0]) is None:
        return None
    exp = claims.get("exp")
    expires = float(exp) if isinstance(exp, int | float) and not isinstance(exp, bool) else None
    return Token(str(claims.get("role") or ""), str(claims.get("ref") or ""), expires)


def _decode_claims(part: bytes) -> dict[str, Any] | None:
    """One part of a token, decoded; None for what is no JSON object."""
    try:
        document = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
