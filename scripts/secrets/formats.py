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
ISSUER = re.compile(r"https://([a-z0-9]{20})\.supabase\.(?:co|in)/")  # who issued it, instead of `ref`
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{40,}={0,2}")
# What keys are made of. In a script such runs are rare: to search them alone takes a fraction of the time.
WORD = re.compile(rb"[A-Za-z0-9+/=_-]+")
RUN = re.compile(rb"[A-Za-z0-9+/=_-]{11,}")
LONGEST = 512  # bytes from a literal on in which its pattern is tried
START = rb"(?<![A-Za-z0-9_])"
# In base64 data a match may be chance, so its neighbours must not be base64 characters.
ALONE = rb"(?<![A-Za-z0-9_+/=,-])"
END = rb"(?![A-Za-z0-9+/=])"


class KeyFormat(NamedTuple):
    """One kind of key.

    Args:
        literals: one of them is in every key of the kind; they are searched for first, which is quick.
            One that has the characters of a `RUN` alone stands in a run of each key.
        before: bytes of the key that may stand before its literal; with 0 the pattern is tried there alone.
    """

    label: str
    literals: tuple[bytes, ...]
    pattern: bytes
    severity: Literal["error", "warning"] = "error"
    before: int = 0


class KeyMatch(NamedTuple):
    """A key in some bytes, from `start` on."""

    label: str
    start: int
    match: bytes
    severity: Literal["error", "warning"] = "error"


class Token(NamedTuple):
    """Claims of a JSON web token; `exp` in seconds of Unix time, `ref` by the issuer where it has none."""

    role: str
    ref: str
    exp: float | None
    issuer: str = ""


FORMATS = (
    KeyFormat("a Supabase secret key", (b"sb_secret_",), START + rb"sb_secret_[A-Za-z0-9_-]{20,}"),
    KeyFormat("a Supabase access token", (b"sbp_",), START + rb"sbp_(?:oauth_|v0_)?[0-9a-f]{40}"),
    KeyFormat("an OpenAI key", (b"sk-",), START + rb"sk-(?:proj|svcacct|admin|service)-[A-Za-z0-9_-]{20,}"),
    KeyFormat(
        "an OpenAI key",
        (b"T3BlbkFJ",),
        START + rb"sk-[A-Za-z0-9_-]{16,}T3BlbkFJ[A-Za-z0-9_-]{16,}",
        before=64,
    ),
    KeyFormat(
        "an OpenAI key",
        (b"sk-",),
        START + rb"sk-(?=[A-Za-z]{0,47}[0-9])(?=[a-z0-9]{0,47}[A-Z])[A-Za-z0-9]{40,64}" + END,
    ),
    KeyFormat("an Anthropic key", (b"sk-ant-",), START + rb"sk-ant-[A-Za-z0-9_-]{20,}"),
    KeyFormat("a Stripe key", (b"k_live_",), START + rb"[sr]k_live_[A-Za-z0-9]{16,}", before=1),
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
        before=14,
    ),
    KeyFormat("a SendGrid key", (b"SG.",), START + rb"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{40,46}"),
    KeyFormat("a Stripe test key", (b"k_test_",), START + rb"[sr]k_test_[A-Za-z0-9]{16,}", before=1),
    KeyFormat("a PostHog personal key", (b"phx_",), START + rb"phx_[A-Za-z0-9]{32,}"),
    KeyFormat(
        "a Mapbox secret token", (b"sk.eyJ",), START + rb"sk\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{16,}"
    ),
    KeyFormat("a Groq key", (b"gsk_",), START + rb"gsk_[A-Za-z0-9]{40,}"),
    KeyFormat("a Hugging Face token", (b"hf_",), START + rb"hf_[A-Za-z0-9]{30,}" + END),
    KeyFormat("a Replicate token", (b"r8_",), START + rb"r8_[A-Za-z0-9]{32,}" + END),
    KeyFormat("an xAI key", (b"xai-",), START + rb"xai-[A-Za-z0-9]{40,}"),
    KeyFormat("a Perplexity key", (b"pplx-",), START + rb"pplx-[A-Za-z0-9]{40,}"),
    KeyFormat("an OpenRouter key", (b"sk-or-",), START + rb"sk-or-(?:v[0-9]-)?[0-9a-f]{40,}"),
    KeyFormat("a DeepSeek key", (b"sk-",), START + rb"sk-(?=[a-f0-9]{0,31}[0-9])[a-f0-9]{32}" + END),
    KeyFormat("an ElevenLabs key", (b"sk_",), START + rb"sk_[0-9a-f]{48}" + END),
    KeyFormat("a Tavily key", (b"tvly-",), START + rb"tvly-(?:dev-|prod-)?[A-Za-z0-9]{20,}"),
    KeyFormat("a LangSmith key", (b"lsv2_",), START + rb"lsv2_[a-z]{2}_[0-9a-f]{32}_[0-9a-f]{8,}"),
    KeyFormat("a Resend key", (b"re_",), START + rb"re_[A-Za-z0-9]{6,10}_[A-Za-z0-9]{20,32}" + END),
    KeyFormat("a Mailgun key", (b"key-",), START + rb"key-(?=[0-9a-f]{0,31}[0-9])[0-9a-f]{32}" + END),
    KeyFormat(
        "a Mailchimp key", (b"-us",), ALONE + rb"[0-9a-f]{32}-us[0-9]{1,2}(?![0-9A-Za-z-])", before=32
    ),
    KeyFormat("a Brevo key", (b"xkeysib-",), START + rb"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    KeyFormat(
        "a Telegram bot token",
        (b":AA",),
        START + rb"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])",
        before=10,
    ),
    KeyFormat(
        "a Shopify token",
        (b"shpat_", b"shpss_", b"shpca_", b"shppa_"),
        START + rb"shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}",
    ),
    KeyFormat("an Airtable token", (b"pat",), START + rb"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    KeyFormat("a Notion token", (b"ntn_",), START + rb"ntn_[A-Za-z0-9]{40,}"),
    KeyFormat("a Notion token", (b"secret_",), START + rb"secret_[A-Za-z0-9]{43}" + END),
    KeyFormat(
        "a HubSpot token",
        (b"pat-",),
        START + rb"pat-[a-z]{2}[0-9]-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ),
    KeyFormat("a Linear key", (b"lin_api_", b"lin_oauth_"), START + rb"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    KeyFormat("a Figma token", (b"figd_",), START + rb"figd_[A-Za-z0-9_-]{36,}"),
    KeyFormat("an Atlassian token", (b"ATATT3",), START + rb"ATATT3[A-Za-z0-9_=-]{60,}"),
    KeyFormat("a Google OAuth secret", (b"GOCSPX-",), START + rb"GOCSPX-[A-Za-z0-9_-]{24,}"),
    KeyFormat("a Google access token", (b"ya29.",), START + rb"ya29\.[A-Za-z0-9_-]{40,}"),
    KeyFormat("a Square token", (b"sq0csp-", b"sq0atp-"), START + rb"sq0(?:csp|atp)-[A-Za-z0-9_-]{22,}"),
    KeyFormat("a Twilio key", (b"SK",), ALONE + rb"SK(?=[0-9a-f]{0,31}[0-9])[0-9a-f]{32}" + END),
    KeyFormat("a Sentry token", (b"sntrys_", b"sntryu_"), START + rb"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    KeyFormat("a Docker token", (b"dckr_pat_",), START + rb"dckr_pat_[A-Za-z0-9_-]{24,}"),
    KeyFormat(
        "a DigitalOcean token", (b"dop_v1_", b"doo_v1_", b"dor_v1_"), START + rb"do[opr]_v1_[0-9a-f]{64}"
    ),
    KeyFormat("a Netlify token", (b"nfp_",), START + rb"nfp_[A-Za-z0-9]{36,}"),
    KeyFormat(
        "a Vercel Blob token",
        (b"vercel_blob_rw_",),
        START + rb"vercel_blob_rw_[A-Za-z0-9]{10,}_[A-Za-z0-9]{20,}",
    ),
    KeyFormat("a Neon key", (b"napi_",), START + rb"napi_[a-zA-Z0-9]{60,}"),
    KeyFormat(
        "a PlanetScale secret",
        (b"pscale_",),
        START + rb"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_-][A-Za-z0-9_.-]{31,}",
    ),
    KeyFormat("a Square token", (b"EAAA",), ALONE + rb"EAAA[A-Za-z0-9_-]{60}" + END),
    KeyFormat("a Databricks token", (b"dapi",), START + rb"dapi(?=[a-f0-9]{0,31}[0-9])[0-9a-f]{32}" + END),
    KeyFormat("a Postman key", (b"PMAK-",), START + rb"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    KeyFormat(
        "a Doppler token",
        (b"dp.st.", b"dp.pt.", b"dp.sa."),
        START + rb"dp\.(?:st|pt|sa)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}" + END,
    ),
    KeyFormat("a Fly.io token", (b"fo1_",), START + rb"fo1_[A-Za-z0-9_-]{43}"),
    KeyFormat("a Pinecone key", (b"pcsk_",), START + rb"pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{50,}"),
    KeyFormat("an NVIDIA key", (b"nvapi-",), START + rb"nvapi-[A-Za-z0-9_-]{60,}"),
    KeyFormat("a Cerebras key", (b"csk-",), START + rb"csk-[a-z0-9]{44,}" + END),
    KeyFormat("a Cloudflare origin key", (b"v1.0-",), START + rb"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    KeyFormat("a Pulumi token", (b"pul-",), START + rb"pul-[0-9a-f]{40}"),
    KeyFormat("a New Relic key", (b"NRAK-", b"NRIQ-"), START + rb"NR(?:AK|IQ)-[A-Z0-9]{24,}"),
    KeyFormat("a Grafana token", (b"glsa_", b"glc_"), START + rb"gl(?:sa|c)_[A-Za-z0-9+/=_]{32,}"),
    # in base64, as a host's form for variables wants it: `{"type":"service_account"` and `-----BEGIN `
    KeyFormat(
        "a service account in base64",
        (b"c2VydmljZV9hY2NvdW50", b"zZXJ2aWNlX2FjY291bn", b"NlcnZpY2VfYWNjb3Vud"),
        rb"(?:eyJ0eXBlI|ewogICJ0eXBlI|eyAidHlwZSI)[A-Za-z0-9+/_-]*(?:c2VydmljZV9hY2NvdW50|zZXJ2aWNlX2FjY291bn|NlcnZpY2VfYWNjb3Vud)",
        before=64,
    ),
    KeyFormat(
        "a service account",
        (b"service_account",),
        rb"[\"']type[\"']\s*:\s*[\"']service_account[\"']",
        before=32,
    ),
    KeyFormat(
        "a private key in base64",
        (b"LS0tLS1CRUdJTi",),
        ALONE + rb"LS0tLS1CRUdJTi[A-Za-z0-9+/_-]{0,40}(?:UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW)",
    ),
    KeyFormat("an npm token", (b"npm_",), START + rb"npm_[A-Za-z0-9]{36}" + END),
    KeyFormat("an age key", (b"AGE-SECRET-KEY-1",), rb"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    KeyFormat("a Google API key", (b"AIza",), ALONE + rb"AIza[A-Za-z0-9_-]{35}" + END, "warning"),
    KeyFormat(
        "a private key",
        (b"PRIVATE KEY-----",),
        rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----(?:\\+[rn]|\s){1,4}[A-Za-z0-9+/]{32,}",
        before=64,
    ),
    KeyFormat(
        "an address with its password",
        (
            b"postgres://",
            b"postgresql://",
            b"mysql://",
            b"mongodb://",
            b"mongodb+srv://",
            b"redis://",
            b"rediss://",
            b"amqp://",
            b"amqps://",
        ),
        rb"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?)://[^\s:/@\"'`<>{}()$\\,]{0,64}:"
        rb"(?=[^\s:/@]{0,127}[0-9])(?!\*)[^\s:/@\"'`<>{}()$\\,]{8,128}@"
        rb"(?!localhost\b|127\.|host\b|hostname\b|example\.|server\b)[A-Za-z0-9.-]+",
    ),
)

# These have no literal by which they would be found quickly: only a whole value is compared with them.
OF_VALUES = (
    ("a Mailgun key", rb"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}"),
    ("a Discord bot token", rb"[MNO][A-Za-z0-9]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"),
    ("a Fireworks key", rb"fw_[A-Za-z0-9]{22,40}"),
)


def runs(data: bytes) -> bytes:
    """All runs of key characters, a line each."""
    return b"\n".join(RUN.findall(data))


def find_keys(data: bytes, within: bytes | None = None) -> Iterator[KeyMatch]:
    """Every key in the bytes that is never public; tokens are decoded, and judged by their role.

    Args:
        within: the runs of these bytes, where they are known.
    """
    within = runs(data) if within is None else within
    for kind in FORMATS:
        end = 0
        there = [each for each in kind.literals if each in within or not WORD.fullmatch(each)]
        for position in (at for literal in there for at in positions(data, literal)):
            if position < end:
                continue
            match = _at(kind, data, position, end)
            if match:
                end = match.end()
                yield KeyMatch(kind.label, match.start(), match.group(), kind.severity)
    for position in positions(data, b"eyJ") if b"eyJ" in within else ():
        match = JWT.match(data, position)
        label = _privileged_role(match.group()) if match else ""
        if match and label:
            yield KeyMatch(label, position, match.group())


def _at(kind: KeyFormat, data: bytes, position: int, start: int) -> re.Match[bytes] | None:
    """The key around a literal at `position`, none of it before `start`."""
    pattern = _compiled(kind.pattern)
    if not kind.before:
        return pattern.match(data, position, position + LONGEST)
    return pattern.search(data, max(start, position - kind.before), position + LONGEST)


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
    """What kind of key the value is or holds; None if no known format says that it is secret.

    A value in base64, as hosts ask for files, is one by what is in it.
    """
    data = value.encode("utf-8", "surrogateescape")
    whole = (label for label, pattern in OF_VALUES if _compiled(pattern).fullmatch(data))
    label = next(whole, None) or _first_key(data)
    if label is None and BASE64.fullmatch(data):
        within = _first_key(_text_in(data))
        label = f"{within} in base64" if within else None
    return label


def _first_key(data: bytes) -> str | None:
    return next((match.label for match in find_keys(data) if match.severity == "error"), None)


def _text_in(coded: bytes) -> bytes:
    """The text that is coded in base64; nothing for what is no text."""
    plain = coded.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        clear = base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except ValueError:
        return b""
    return clear if clear.isascii() else b""


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
    issuer = str(claims.get("iss") or "")
    hosted = ISSUER.match(issuer)
    ref = str(claims.get("ref") or (hosted[1] if hosted else ""))
    return Token(str(claims.get("role") or ""), ref, expires, issuer)


def _decode_claims(part: bytes) -> dict[str, Any] | None:
    """One part of a token, decoded; None for what is no JSON object."""
    try:
        document = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
