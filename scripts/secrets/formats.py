# pure
"""Keys that are known by their form, in a value or in a bundle's bytes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")
PUBLIC_ROLES = ("anon", "authenticated")
BEFORE, LONGEST = 64, 512  # bytes round a literal in which its form is looked for
START = rb"(?<![A-Za-z0-9_])"
# in data that is itself base64 a match may be chance, so what stands around it must not be
ALONE = rb"(?<![A-Za-z0-9_+/=,-])"
END = rb"(?![A-Za-z0-9+/=])"


@dataclass(frozen=True)
class Form:
    """What a key is called, what any of its kind contains (looked for first: it is quick), how it looks."""

    label: str
    literals: tuple[bytes, ...]
    pattern: bytes
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class Found:
    """A key in some bytes, from `start` on."""

    label: str
    start: int
    match: bytes
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class Token:
    """What a JSON web token says of itself; `exp` in seconds of Unix time."""

    role: str
    ref: str
    exp: float | None


FORMS = (
    Form("a Supabase secret key", (b"sb_secret_",), START + rb"sb_secret_[A-Za-z0-9_-]{20,}"),
    Form("a Supabase access token", (b"sbp_",), START + rb"sbp_(?:oauth_|v0_)?[0-9a-f]{40}"),
    Form("an OpenAI key", (b"sk-",), START + rb"sk-(?:proj|svcacct|admin|service)-[A-Za-z0-9_-]{20,}"),
    Form("an OpenAI key", (b"T3BlbkFJ",), START + rb"sk-[A-Za-z0-9_-]{16,}T3BlbkFJ[A-Za-z0-9_-]{16,}"),
    Form(
        "an OpenAI key",
        (b"sk-",),
        START + rb"sk-(?=[A-Za-z]{0,47}[0-9])(?=[a-z0-9]{0,47}[A-Z])[A-Za-z0-9]{40,64}" + END,
    ),
    Form("an Anthropic key", (b"sk-ant-",), START + rb"sk-ant-[A-Za-z0-9_-]{20,}"),
    Form("a Stripe key", (b"k_live_",), START + rb"[sr]k_live_[A-Za-z0-9]{16,}"),
    Form("a Stripe webhook secret", (b"whsec_",), START + rb"whsec_[A-Za-z0-9+/]{24,}"),
    Form("a Meta access token", (b"EAA",), ALONE + rb"EAA[A-Za-z0-9]{40,}" + END),
    Form(
        "a GitHub token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
        START + rb"gh[pousr]_[A-Za-z0-9]{36,}",
    ),
    Form("a GitHub token", (b"github_pat_",), START + rb"github_pat_[A-Za-z0-9_]{60,}"),
    Form("a GitLab token", (b"glpat-",), START + rb"glpat-[A-Za-z0-9_-]{20,}"),
    Form("an AWS key", (b"AKIA", b"ASIA"), ALONE + rb"A[KS]IA[A-Z2-7]{16}" + END),
    Form(
        "a Slack token",
        (b"xoxa-", b"xoxb-", b"xoxp-", b"xoxr-", b"xoxs-"),
        START + rb"xox[abprs]-[0-9]{6,}-[A-Za-z0-9-]{10,}",
    ),
    Form(
        "a Slack webhook",
        (b"hooks.slack.com",),
        rb"hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{16,}",
    ),
    Form(
        "a Discord webhook",
        (b"/api/webhooks/",),
        rb"discord(?:app)?\.com/api/webhooks/[0-9]{15,}/[A-Za-z0-9_-]{40,}",
    ),
    Form("a SendGrid key", (b"SG.",), START + rb"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{40,46}"),
    Form("an npm token", (b"npm_",), START + rb"npm_[A-Za-z0-9]{36}" + END),
    Form("an age key", (b"AGE-SECRET-KEY-1",), rb"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    Form("a Google API key", (b"AIza",), ALONE + rb"AIza[A-Za-z0-9_-]{35}" + END, "warning"),
    Form(
        "a private key",
        (b"PRIVATE KEY-----",),
        rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----(?:\\+[rn]|\s){1,4}[A-Za-z0-9+/]{32,}",
    ),
    Form(
        "an address with its password",
        (b"postgres://", b"postgresql://", b"mysql://", b"mongodb", b"redis", b"amqp"),
        rb"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?)://[^\s:/@\"'`<>{}()$\\,]{0,64}:"
        rb"(?=[^\s:/@]{0,127}[0-9])(?!\*)[^\s:/@\"'`<>{}()$\\,]{8,128}@"
        rb"(?!localhost\b|127\.|host\b|hostname\b|example\.|server\b)[A-Za-z0-9.-]+",
    ),
)


def keys(data: bytes) -> Iterator[Found]:
    """Every key in the bytes that is never public; tokens are decoded, and judged by their role."""
    for form in FORMS:
        pattern, last = _compiled(form.pattern), -1
        for at in (place for literal in form.literals for place in places(data, literal)):
            match = pattern.search(data, max(0, at - BEFORE), at + LONGEST) if at > last else None
            if match and match.start() > last:
                last = match.end()
                yield Found(form.label, match.start(), match.group(), form.severity)
    for at in places(data, b"eyJ"):
        match = JWT.match(data, at)
        what = judged(match.group()) if match else ""
        if match and what:
            yield Found(what, at, match.group())


def places(data: bytes, literal: bytes) -> Iterator[int]:
    """Where the literal stands: much quicker than a pattern, which is then tried there alone."""
    at = data.find(literal)
    while at >= 0:
        yield at
        at = data.find(literal, at + 1)


def judged(token: bytes) -> str:
    """What a token is, if its role is not one of a visitor; empty for every other."""
    claims = claims_of(token.split(b".")[1])
    role = claims.get("role") if claims else None
    if not isinstance(role, str) or not role or role in PUBLIC_ROLES:
        return ""
    known = role in ("service_role", "supabase_admin", "postgres")
    return f"a key with the role `{role}`" if known else "a key with a role that is not public"


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


@cache
def secret_form(value: str) -> str | None:
    """What the value is, if its form says that it is secret; None for anything else."""
    found = keys(value.encode("utf-8", "surrogateescape"))
    return next((each.label for each in found if each.severity == "error"), None)


@cache
def token_of(value: str) -> Token | None:
    """The claims of a JSON web token, None for what is none; nothing is verified."""
    parts = value.encode("utf-8", "surrogateescape").split(b".")
    if len(parts) != 3 or not value.startswith("eyJ"):
        return None
    claims = claims_of(parts[1])
    if claims is None or claims_of(parts[0]) is None:
        return None
    exp = claims.get("exp")
    end = float(exp) if isinstance(exp, int | float) and not isinstance(exp, bool) else None
    return Token(str(claims.get("role") or ""), str(claims.get("ref") or ""), end)


def claims_of(part: bytes) -> dict[str, Any] | None:
    """One part of a token, decoded; None for what is no JSON object."""
    try:
        document = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
