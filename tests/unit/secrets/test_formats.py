"""Keys that are known by their format."""

from __future__ import annotations

import base64
import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.secrets.formats import (
    FORMATS,
    WORD,
    KeyFormat,
    find_keys,
    parse_token,
    positions,
    runs,
    secret_format,
)
from tests.support.environments import PROJECTS, jwt

PROJECT = PROJECTS["production"]
HEX = "0123456789abcdef"
KEYS = {
    "a Supabase secret key": "sb_secret_abcdefghijklmnopqrstuv_12345678",
    "a Supabase access token": "sbp_" + "0123456789" * 4,
    "an OpenAI key": "sk-proj-" + "Zx9" * 10,
    "an Anthropic key": "sk-ant-" + "Zx9" * 10,
    "a Stripe key": "sk_live_" + "Zx9" * 6,
    "a Stripe webhook secret": "whsec_" + "Zx9+" * 8,
    "a Meta access token": "EAA" + "Zx9" * 15,
    "a GitHub token": "ghp_" + "Zx9" * 12,
    "a GitLab token": "glpat-" + "Zx9" * 8,
    "an AWS key": "AKIA" + "ABCDEFGH" * 2,
    "a Slack token": "xoxb-123456789-" + "Zx9" * 5,
    "a Slack webhook": "https://hooks.slack.com/services/T0000000/B0000000/" + "Zx9" * 6,
    "a Discord webhook": "https://discord.com/api/webhooks/123456789012345678/" + "Zx9" * 15,
    "a SendGrid key": "SG." + "Zx9" * 7 + "." + "Zx9" * 14,
    "a Stripe test key": "sk_test_" + "Zx9" * 8,
    "a PostHog personal key": "phx_" + "Zx9" * 14,
    "a Mapbox secret token": "sk.eyJ" + "Zx9" * 20 + "." + "Zx9" * 7,
    "a Groq key": "gsk_" + "Zx9" * 17,
    "a Hugging Face token": "hf_" + "AbCdE" * 7,
    "a Replicate token": "r8_" + "Zx9" * 12,
    "an xAI key": "xai-" + "Zx9" * 26,
    "a Perplexity key": "pplx-" + "Zx9" * 16,
    "an OpenRouter key": "sk-or-v1-" + HEX * 4,
    "a DeepSeek key": "sk-" + HEX * 2,
    "an ElevenLabs key": "sk_" + HEX * 3,
    "a Tavily key": "tvly-" + "Zx9" * 10,
    "a LangSmith key": "lsv2_pt_" + HEX * 2 + "_" + HEX[:10],
    "a Resend key": "re_" + "Zx9Qw1Rt" + "_" + "Zx9" * 8,
    "a Mailgun key": "key-" + HEX * 2,
    "a Mailchimp key": HEX * 2 + "-us21",
    "a Brevo key": "xkeysib-" + HEX * 4 + "-" + "Zx9Qw1Rt" * 2,
    "a Telegram bot token": "1234567890:AA" + "Zx9" * 11,
    "a Shopify token": "shpat_" + HEX * 2,
    "an Airtable token": "pat" + "Zx9Qw1R" * 2 + "." + HEX * 4,
    "a Notion token": "ntn_" + "Zx9" * 15,
    "a HubSpot token": "pat-na1-01234567-89ab-cdef-0123-456789abcdef",
    "a Linear key": "lin_api_" + "Zx9Qw1Rt" * 5,
    "a Figma token": "figd_" + "Zx9" * 13,
    "an Atlassian token": "ATATT3x" + "Zx9" * 30,
    "a Google OAuth secret": "GOCSPX-" + "Zx9Q" * 7,
    "a Google access token": "ya29." + "Zx9" * 20,
    "a Square token": "sq0csp-" + "Zx9" * 14,
    "a Twilio key": "SK" + HEX * 2,
    "a Sentry token": "sntrys_" + "Zx9" * 20,
    "a Docker token": "dckr_pat_" + "Zx9" * 9,
    "a DigitalOcean token": "dop_v1_" + HEX * 4,
    "a Netlify token": "nfp_" + "Zx9" * 12,
    "a Vercel Blob token": "vercel_blob_rw_" + "Zx9" * 5 + "_" + "Zx9" * 9,
    "a Neon key": "napi_" + "Zx9" * 21,
    "a PlanetScale secret": "pscale_tkn_" + "Zx9" * 14,
    "a Databricks token": "dapi" + HEX * 2,
    "a Postman key": "PMAK-" + HEX + HEX[:8] + "-" + HEX * 2 + HEX[:2],
    "a Doppler token": "dp.st.prd." + "Zx9" * 14,
    "a Fly.io token": "fo1_" + "Zx9" * 14 + "Z",
    "a Pinecone key": "pcsk_Zx9Qw1_" + "Zx9" * 20,
    "an NVIDIA key": "nvapi-" + "Zx9_" * 16,
    "a Cerebras key": "csk-" + "zx9q" * 12,
    "a Cloudflare origin key": "v1.0-" + HEX + HEX[:8] + "-" + HEX * 9 + HEX[:2],
    "a Pulumi token": "pul-" + HEX[:8] * 5,
    "a New Relic key": "NRAK-" + "ZX9" * 9,
    "a Grafana token": "glsa_" + "Zx9" * 14,
    "a service account in base64": base64.b64encode(
        b'{"type": "service_account", "project_id": "airhost"}'
    ).decode(),
    "a service account": '{"type": "service_account", "project_id": "airhost"}',
    "a private key in base64": base64.b64encode(b"-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADAN").decode(),
    "an npm token": "npm_" + "Zx9" * 12,
    "an age key": "AGE-SECRET-KEY-1" + "QPZRY9X8GF" * 6,
    "a private key": "-----BEGIN EC PRIVATE KEY-----\n" + "Zx9+" * 10,
    "an address with its password": "postgresql://app:S3cretS3cret@db.airhost.io/app",
    "a key with the role `service_role`": jwt("service_role", PROJECT),
    "a key with a role that is not public": jwt("reporting", PROJECT),
}


@pytest.mark.parametrize(("label", "value"), KEYS.items())
def test_a_key_is_known_by_its_format(label: str, value: str) -> None:
    """Alone, and in the middle of a script."""
    assert secret_format(value) == label
    assert label in {key.label for key in find_keys(f"f('{value}')".encode())}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "service_role",
        "sk-",
        "sk-radio-button-group-primary-outline-large-selected",
        "sb_publishable_abcdefghijklmnopqrstuv_12345678",
        "pk_live_abcdefghijklmnop1234",
        "pk.eyJ1IjoiYWlyaG9zdCJ9.abcdefghijklmnop",
        "phc_abcdefghijklmnopqrstuvwxyz0123456789",
        "re_render_the_whole_page_again_please",
        "patchValuesOfTheForm.value",
        "key-of-the-listing",
        "key-" + "a" * 32,
        "SKIP_THE_WHOLE_INTRODUCTION_OF_THE_APP",
        base64.b64encode(b'{"type": "FeatureCollection", "features": []}').decode(),
        "postgres://user:password@localhost/db",
        "postgres://user:****@db.airhost.io/db",
        jwt("anon", PROJECT),
        jwt("authenticated", PROJECT),
        "eyJhbGciOiJIUzI1NiJ9.eyJub3QganNvbg.x",
    ],
)
def test_what_is_public_or_no_key_has_no_secret_format(value: str) -> None:
    """A finding about each of these would be false."""
    assert secret_format(value) is None


@pytest.mark.parametrize(
    "value",
    [f"{HEX * 2}-{HEX[:8]}-{HEX[8:]}", "MTE" + "Zx9" * 7 + ".Zx9Qw1." + "Zx9" * 12, "fw_" + "Zx9Q" * 6],
)
def test_a_key_without_a_literal_is_known_where_it_is_the_whole_value(value: str) -> None:
    """In a bundle nothing would lead to it quickly."""
    assert secret_format(value)
    assert secret_format(f"x{value}x") is None


@pytest.mark.parametrize(
    "text",
    [
        '{"project_id": "airhost", "type": "service_account", "private_key": "x"}',
        "export TOKEN=ghp_" + "Zx9" * 12,
        "postgresql://app:S3cretS3cret@db.airhost.io/app",
    ],
)
def test_a_value_in_base64_is_judged_by_what_is_in_it(text: str) -> None:
    """However a host wants a file as a variable."""
    coded = base64.b64encode(text.encode()).decode()

    assert (secret_format(coded) or "").endswith("in base64")
    assert secret_format(coded.rstrip("=").replace("+", "-").replace("/", "_"))


@pytest.mark.parametrize(
    "value",
    [
        base64.b64encode(bytes(range(256))).decode(),
        HEX * 4,
        base64.b64encode(b"hello " * 20).decode(),
        "A" * 41,
    ],
)
def test_other_base64_has_no_secret_format(value: str) -> None:
    """Pictures, digests, texts."""
    assert secret_format(value) is None


def test_a_tokens_project_is_that_of_its_issuer_where_it_names_none() -> None:
    """Supabase's newer keys have no `ref`."""

    def token(claims: dict[str, str]) -> str:
        parts = ({"alg": "ES256"}, claims)
        return ".".join(
            base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts
        )

    hosted = parse_token(token({"iss": f"https://{PROJECT}.supabase.co/auth/v1"}) + ".x")
    other = parse_token(token({"iss": "supabase-demo", "role": "anon"}) + ".x")

    assert hosted
    assert other
    assert (hosted.ref, other.ref, other.issuer) == (PROJECT, "", "supabase-demo")


def test_a_google_key_is_a_warning_and_no_secret_format() -> None:
    """Browsers have those of Maps and Firebase."""
    key = "AIza" + "Zx9Qw" * 7

    assert [(match.label, match.severity) for match in find_keys(key.encode())] == [
        ("a Google API key", "warning")
    ]
    assert secret_format(key) is None


def test_chance_in_base64_is_no_key() -> None:
    """`AKIA...` in the middle of an inlined image is no AWS key."""
    assert list(find_keys(b"data:image/png;base64,xx/AKIAABCDEFGHABCDEFGH/xx")) == []


def test_each_key_is_found_once_with_its_place() -> None:
    """Two of one kind are two."""
    key = KEYS["a GitHub token"].encode()

    assert [(match.start, match.match) for match in find_keys(key + b" " + key)] == [
        (0, key),
        (len(key) + 1, key),
    ]


def test_base64_of_json_takes_no_longer_than_other_text() -> None:
    """Every object in it begins like a token; a map of 1.3 MB once took 11 s."""

    def cost(text: bytes) -> float:
        started = time.process_time()
        assert list(find_keys(text)) == []
        return time.process_time() - started

    sizes = [b"eyJhIjoxfSx7" * 20_000, b"eyJhIjoxfSx7" * 80_000]
    one, four = (min(cost(text) for _ in range(3)) for text in sizes)
    assert four < 8 * one  # quadratic: 16


def test_positions_overlap() -> None:
    """Every place where the literal stands."""
    assert list(positions(b"aaa", b"aa")) == [0, 1]


def test_a_token_has_its_claims() -> None:
    """Role, project and end, as far as they are there."""
    token = parse_token(jwt("anon", PROJECT, 1_900_000_000))

    assert token
    assert (token.role, token.ref, token.exp) == ("anon", PROJECT, 1_900_000_000.0)


def test_a_token_without_claims_that_fit_has_none() -> None:
    """`exp` may be anything; a boolean is no time."""
    part = base64.urlsafe_b64encode(b'{"exp": true}').decode().rstrip("=")
    token = parse_token(f"{part}.{part}.x")

    assert token
    assert (token.role, token.ref, token.exp) == ("", "", None)


@pytest.mark.parametrize("value", ["", "a.b.c", jwt("anon", PROJECT)[:70], "eyJ.eyJ.x", "eyJ" + "[" * 3000])
def test_what_is_no_whole_token_has_no_claims(value: str) -> None:
    """A token that was cut when it was copied, for one."""
    assert parse_token(value) is None


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.literals[0].decode())
def test_a_key_stands_in_a_run_with_its_literal(kind: KeyFormat) -> None:
    """Of key characters alone: it is searched for there. Other literals are searched for everywhere."""
    without_looking_around = re.sub(rb"\(\?<?[!=][^)]*\)", b"", kind.pattern)

    @settings(max_examples=5, deadline=None)
    @given(st.from_regex(without_looking_around, fullmatch=True))
    def holds(key: bytes) -> None:
        assert any(each in (runs(key) if WORD.fullmatch(each) else key) for each in kind.literals)

    holds()
