"""Every mistake that people make, planted in a set that is otherwise good."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from scripts.config.settings import Allowed
from scripts.secrets.finding import Finding, without_allowed
from scripts.secrets.rules import is_placeholder, source_findings
from tests.support.environments import NOW, PROJECTS, findings, good, jwt, text_of, written

PROJECT = PROJECTS["production"]
GOOGLE = "AIza" + "Zx9Qw" * 7


def token(**claims: str) -> str:
    """A JSON web token."""
    parts = ({"alg": "HS256"}, claims)
    head, body = (base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
    return f"{head}.{body}.{'Zx9' * 14}x"


def demo(role: str) -> str:
    """A key of `supabase start`: it names no project."""
    return token(iss="supabase-demo", role=role)


def issued(project: str) -> str:
    """A key that names its project by its issuer alone."""
    return token(iss=f"https://{project}.supabase.co/auth/v1", role="anon")


OTHERS_TOKEN = good("staging")["WHATSAPP_VERIFY_TOKEN"]


def findings_with(line: str, name: str = "production") -> tuple[Finding, ...]:
    """What is found when one line is there instead of the good one."""
    values = {key: value for key, value in good(name).items() if key != line.partition("=")[0]}
    return findings({name: text_of(values) + line + "\n"})


def test_a_good_set_gives_no_finding() -> None:
    """Not one, of no severity."""
    assert findings() == ()


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("ENV001", "FOO=pa$word"),
        ("ENV001", "\ufeffFOO=a"),
        ("ENV001", "FOO=a\r"),
        ("ENV001", 'FOO="a'),
        ("ENV003", "OPENAI_API_KEY="),
        ("ENV005", "OPENAI_API_KEY=your-key-here"),
        ("ENV005", "OPENAI_API_KEY='<key>'"),
        ("ENV006", "NEXT_PUBLIC_STRIPE_SECRET_KEY=abcDEF123456789zzz"),
        ("ENV006", "VITE_openaiApiKey=abcDEF123456789zzz"),
        ("ENV006", "VITE_GITHUB_PAT=abcDEF123456789zzz"),
        ("ENV006", f"VITE_GEMINI_API_KEY={GOOGLE}"),
        ("ENV006", f"VITE_googleAiKey={GOOGLE}"),
        ("ENV007", f"VITE_GENERATIVE_AI={GOOGLE}"),
        ("ENV007", "VITE_BACKEND=gsk_" + "Zx9" * 17),
        ("ENV006", "VITE_SENTRY_AUTH_TOKEN=abcDEF123456789zzz"),
        ("ENV006", "VITE_ALGOLIA_ADMIN_API_KEY=abcDEF123456789zzz"),
        ("ENV006", "VITE_ONESIGNAL_REST_API_KEY=abcDEF123456789zzz"),
        ("ENV006", "VITE_PRIVATE_KEY=abcDEF123456789zzz"),
        ("ENV008", f"VITE_SUPABASE_ANON_KEY={demo('anon')}"),
        ("ENV009", f"VITE_SUPABASE_ANON_KEY={issued(PROJECTS['staging'])}"),
        ("ENV007", "VITE_SUPABASE_ANON_KEY=sb_secret_abcdefghijklmnopqrstuv_12345678"),
        ("ENV007", f"VITE_CHECK={good('production')['WHATSAPP_VERIFY_TOKEN']}"),
        ("ENV007", "VITE_SITE_URL=https://me:pw123456@airhost-prod.replit.app"),
        ("ENV008", f"VITE_SUPABASE_ANON_KEY={jwt('anon', PROJECT, 1_500_000_000)}"),
        ("ENV008", f"VITE_SUPABASE_ANON_KEY={jwt('anon', PROJECT)[:70]}"),
        ("ENV008", f"SUPABASE_SERVICE_ROLE_KEY={jwt('anon', PROJECT)}"),
        ("ENV008", f"SUPABASE_SERVICE_ROLE_KEY={jwt('reporting', PROJECT)}"),
        ("ENV008", f"SUPABASE_ANON_KEY={jwt('service_role', PROJECT)}"),
        ("ENV012", 'DATABASE_URL="postgresql://postgres:hidden#word/1@db.example.org:5432/db"'),
        ("ENV013", "BASH_ENV=./x.sh"),
        ("ENV014", "WHATSAPP_VERIFY_TOKEN=abc123"),
        ("ENV014", "WHATSAPP_VERIFY_TOKEN=1212121212121212"),
    ],
)
def test_a_planted_mistake_is_found_with_its_line_and_without_its_value(rule: str, line: str) -> None:
    """The finding names file, line and variable; no part of it holds the value."""
    name, _, value = line.partition("=")
    planted = [each for each in findings_with(line) if each.rule == rule and each.file == ".env.production"]

    assert planted
    assert {10, 11} & {finding.line for finding in planted}
    assert rule == "ENV001" or name in {finding.name for finding in planted}
    assert len(value) < 12 or value not in "".join(
        f"{finding} {finding.hint}" for finding in findings_with(line)
    )


def test_what_a_person_looked_at_can_be_allowed_by_its_hash() -> None:
    """A name that sounds secret over what browsers may have."""
    line = "VITE_ODD_KEY=abcDEF123456789zzz"
    (found,) = [each for each in findings_with(line) if each.rule == "ENV006"]

    assert found.digest
    allow = [Allowed("ENV006", found.digest, "the vendor says so", "2030-01-31")]
    assert found not in without_allowed(findings_with(line), allow, "2030-01-31")
    assert "ended on" in next(each.message for each in without_allowed([found], allow, "2030-02-01"))
    assert not any(each.digest for each in findings_with("WHATSAPP_VERIFY_TOKEN=abc123"))


@pytest.mark.parametrize("password", ["pa#ss", "pa/ss", "pa?ss", "[pass]", "12#ss", "p@s/s"])
def test_a_password_that_is_not_encoded_is_named_as_such(password: str) -> None:
    """Wherever it splits the address; with the way out that needs no encoding."""
    line = f'DATABASE_URL="postgresql://postgres:{password}@127.0.0.1:5432/db"'
    (found,) = [each for each in findings_with(line) if each.rule == "ENV012"]

    assert "has to be URL-encoded" in found.message
    assert "`DATABASE_PASSWORD`" in found.hint


@pytest.mark.parametrize(
    ("text", "what", "way"),
    [
        (
            "\ufeff{}",
            "begins with a byte order mark (BOM)",
            "perl -pi -e 's/^\\xef\\xbb\\xbf//' .env.production",
        ),
        (
            "{crlf}",
            "has the line ends of Windows (10 lines end with CR LF)",
            "perl -pi -e 's/\\r$//' .env.production",
        ),
    ],
)
def test_what_is_wrong_with_a_whole_file_is_one_finding(text: str, what: str, way: str) -> None:
    """Not one for each line, and no variable is missing."""
    good_text = text_of(good("production"))
    planted = text.format(good_text, crlf=good_text.replace("\n", "\r\n"))

    (found,) = findings({"production": planted})

    assert (found.rule, found.line, found.message) == ("ENV001", 1, f"the file {found.message[9:]}")
    assert what in found.message
    assert way in found.hint


def test_a_secret_that_is_its_own_name_can_be_guessed() -> None:
    """In whatever case."""
    weak = findings_with("WHATSAPP_VERIFY_TOKEN=whatsapp_verify_token")

    assert {finding.rule for finding in weak} == {"ENV014"}


@pytest.mark.parametrize(
    "line",
    [
        "VITE_STRIPE_KEY=pk_live_abcdefghijklmnop1234",
        "VITE_FIREBASE_API_KEY=AIzaSyA1234567890abcdefghijklmnopqrstuvw",
        "VITE_SUPABASE_ANON_KEY=sb_publishable_abcdefghijklmnopqrstuv_12345678",
        "VITE_STORAGE_KEY=airhost-session",
        "VITE_PRIVATE_BETA=enabled",
        "VITE_PASSWORD_LOGIN=disabled",
        "VITE_SECRET_MENU=hidden",
        f"VITE_GOOGLE_MAPS_API_KEY={GOOGLE}",
        *(
            f"VITE_{name}=abcDEF123abcDEF123"
            for name in (
                *("ALGOLIA_API_KEY", "STREAM_API_KEY", "VAPID_KEY", "WEB3FORMS_ACCESS_KEY", "EMAILJS_KEY"),
                *("RUDDERSTACK_WRITE_KEY", "HERE_API_KEY", "CESIUM_ION_TOKEN", "GIPHY_API_KEY"),
                *("FLAGSMITH_ENVIRONMENT_KEY", "CONFIGCAT_SDK_KEY", "UNLEASH_FRONTEND_TOKEN"),
                *("AG_GRID_LICENSE_KEY", "SHOPIFY_STOREFRONT_ACCESS_TOKEN", "CONTENTFUL_DELIVERY_TOKEN"),
                *("PUBNUB_SUBSCRIBE_KEY", "CHATWOOT_WEBSITE_TOKEN", "TRACKJS_TOKEN", "SNIPCART_API_KEY"),
                *("ARCGIS_API_KEY", "UNSPLASH_ACCESS_KEY", "CUSTOMERIO_WRITE_KEY", "AIRBRAKE_PROJECT_KEY"),
            )
        ),
        "VITE_RAZORPAY_KEY=rzp_live_abcDEF123abcDE",
        "VITE_CLERK_KEY=pk_live_Y2xlcmsuYWlyaG9zdC5pbyQ",
        f"VITE_SUPABASE_ANON_KEY={issued(PROJECT)}",
        "VITE_MAPBOX_KEY=abcDEF123456789zzz",
        "CACHE_KEY=v2",
        "VITE_PASSWORD_MIN_LENGTH=12",
        "VITE_PASSWORD_LOGIN=true",
        "TOKEN_TTL=3600",
        "VITE_SENTRY_DSN=https://abc123@o1.ingest.sentry.io/42",
        "AUTH_METHOD=password",
    ],
)
def test_what_is_public_by_design_stops_nothing(line: str) -> None:
    """A finding about each of these would teach people to look away."""
    assert [finding for finding in findings_with(line) if finding.severity == "error"] == []


def test_the_three_secrets_of_the_first_files_are_found_with_the_way_out() -> None:
    """Each of three per file, no more of that rule: rename, set, rotate."""
    texts = {}
    for name in PROJECTS:
        values = good(name)
        for bare in ("SUPABASE_SERVICE_ROLE_KEY", "OPENAI_API_KEY", "WHATSAPP_VERIFY_TOKEN"):
            values[f"VITE_{bare}"] = values.pop(bare)
        texts[name] = text_of(values)
    misnamed = findings(texts)

    assert len(misnamed) == 9
    assert {finding.rule for finding in misnamed} == {"ENV006"}
    assert all("rename it to `" in finding.hint and "rotate" in finding.hint for finding in misnamed)
    assert sum("supabase secrets set --env-file" in finding.hint for finding in misnamed) == 6


def test_a_secret_that_may_be_shared_is() -> None:
    """One Slack channel for all environments is a choice, not a mistake."""
    hook = "SLACK_WEBHOOK_URL=https://hooks.example.org/services/T000/B000/abcdefgh\n"

    assert findings({name: text_of(good(name)) + hook for name in PROJECTS}) == ()


def test_a_name_that_stands_twice_is_told_with_the_first_line() -> None:
    """The last one wins, silently."""
    twice = [finding for finding in findings_with("FEATURES=a\nFEATURES=b") if finding.rule == "ENV002"]

    assert [(finding.line, finding.name) for finding in twice] == [(12, "FEATURES")]
    assert "stands on line 11 already" in twice[0].message


def test_a_needed_variable_is_missing_or_empty() -> None:
    """The finding says which, and why it is needed."""
    values = {key: value for key, value in good("production").items() if key != "REPLIT_MCP_TOKEN"}
    texts = {"production": text_of(values | {"VITE_SITE_URL": ""})}

    assert [(finding.rule, finding.line, finding.message) for finding in findings(texts)] == [
        ("ENV003", None, "`REPLIT_MCP_TOKEN` is missing: the build needs it"),
        ("ENV003", 4, "`VITE_SITE_URL` is empty: the build needs it"),
    ]


def test_a_key_that_expires_soon_is_a_warning() -> None:
    """Within thirty days."""
    soon, later = (
        f"VITE_SUPABASE_ANON_KEY={jwt('anon', PROJECT, NOW + days * 86_400)}" for days in (20, 40)
    )

    assert [(finding.rule, finding.severity) for finding in findings_with(soon)] == [("ENV008", "warning")]
    assert "expires on 2026-" in findings_with(soon)[0].message
    assert findings_with(later) == ()


def test_the_public_value_of_another_environments_secret_is_found() -> None:
    """It is in that build for everybody to read."""
    leaks = [finding for finding in findings_with(f"VITE_CHECK={OTHERS_TOKEN}") if finding.rule == "ENV007"]

    assert ["the value of `WHATSAPP_VERIFY_TOKEN`" in finding.message for finding in leaks] == [True]


def test_a_simple_password_is_fine_for_the_database_of_ones_own_machine() -> None:
    """Everywhere else it is none."""
    local = {
        "DATABASE_URL": "postgresql://postgres@127.0.0.1:54322/postgres",
        "DATABASE_PASSWORD": "postgres",
    }

    assert findings({"development": text_of(good("development") | local)}) == ()
    assert "ENV014" in {finding.rule for finding in findings_with("DATABASE_PASSWORD=postgres")}


def test_a_file_that_others_can_read_is_an_error_or_a_warning() -> None:
    """The mode is a warning: on a machine of one's own it matters little."""
    exposed = (("its mode 0644 lets others read it", "chmod"), ("it is in git", "git rm"))
    file = written("production", text_of(good("production")), exposed)

    assert [(finding.rule, finding.severity) for finding in findings(production=file)] == [
        ("ENV015", "error"),
        ("ENV015", "warning"),
    ]


def test_an_example_is_checked_for_names_and_real_keys() -> None:
    """Its values are placeholders, and nothing else is asked of it."""
    text = "VITE_OPENAI_API_KEY=\nA=your-key-here\nB=sk-ant-" + "Zx9" * 9 + "\n"
    example = replace(written("production", text), kind="example")
    own = [finding for finding in findings(production=example) if finding.file == example.file]

    assert [(finding.rule, finding.name) for finding in own] == [
        ("ENV006", "VITE_OPENAI_API_KEY"),
        ("ENV015", "B"),
    ]


def test_what_only_a_build_reads_is_checked_for_what_it_publishes() -> None:
    """No variable is missing there, and no secret too weak."""
    build = replace(written("production", "VITE_A_SECRET=x1y2z3\nB_TOKEN=a\nC=$x\n"), kind="build")
    own = [finding for finding in findings(production=build) if finding.file == build.file]

    assert [(finding.rule, finding.name) for finding in own] == [
        ("ENV006", "VITE_A_SECRET"),
        ("ENV001", ""),
    ]


@pytest.mark.parametrize(
    "value",
    [
        *(
            "changeme",
            "REPLACE_ME",
            "your-api-key",
            "my_secret_token",
            "<key>",
            "[password]",
            "{{ token }}",
        ),
        *("xxxxxx", "todo", "***", "sk-...", "undefined", "prod_openai_key", "staging-database-password"),
    ],
)
def test_a_placeholder(value: str) -> None:
    """As people write them before they have the real value."""
    assert is_placeholder(value)


@pytest.mark.parametrize(
    "value", ["b7Kq2mZx9Lw4Rt8", "production", "prod_key_1", "https://example.org/x", ""]
)
def test_a_value_that_is_no_placeholder(value: str) -> None:
    """A generated secret, a name, an address."""
    assert not is_placeholder(value)


def source_rules(text: str, file: str = "src/a.ts") -> list[str]:
    """The rules that one line breaks."""
    return [finding.rule for finding in source_findings([(file, 1, text)])]


@pytest.mark.parametrize(
    "text",
    [
        "const e = import.meta.env;",
        "const e = import.meta.env",
        "import.meta.env['VITE_A']",
        "import.meta.env[key]",
        "for (const k of keys) use(import.meta.env[k])",
        "schema.parse(import.meta.env)",
        "const all = { ...import.meta.env }",
        "const { VITE_A, ...rest } = import.meta.env;",
        "import.meta && import.meta.env && import.meta.env.VITE_A",
        "export default import.meta.env",
    ],
)
def test_the_whole_environment(text: str) -> None:
    """Each of these puts all public variables into the bundle of some Vite."""
    assert source_rules(text) == ["SRC001"]


@pytest.mark.parametrize(
    "text",
    [
        "import.meta.env.VITE_A",
        "import.meta.env?.VITE_A ?? ''",
        "const { VITE_A, MODE } = import.meta.env;",
        "// never hand import.meta.env around",
        " * import.meta.env as a whole",
        "import.meta.environment",
        "loadEnv(mode, process.cwd(), 'VITE_')",
        "loadEnv(mode, process.cwd())",
    ],
)
def test_what_asks_for_one(text: str) -> None:
    """Nothing is said of what is fine, nor of comments."""
    assert source_rules(text) == []


@pytest.mark.parametrize("empty", ["''", '""', "``"])
def test_every_variable_of_the_machine(empty: str) -> None:
    """`loadEnv` with an empty prefix."""
    assert source_rules(f"  const env = loadEnv(mode, process.cwd(), {empty});", "vite.config.ts") == [
        "SRC002"
    ]


def test_types_are_no_code() -> None:
    """A declaration takes nothing."""
    assert source_rules("declare const e: typeof import.meta.env", "src/vite-env.d.ts") == []
