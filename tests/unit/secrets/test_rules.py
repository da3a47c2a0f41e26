"""Every mistake that people make, planted in a set that is otherwise good."""

from __future__ import annotations

import pytest

from scripts.secrets.finding import Finding
from scripts.secrets.rules import source_findings
from tests.support.environments import PROJECTS, URLS, findings, good, jwt, text_of

OURS, THEIRS = PROJECTS["production"], PROJECTS["staging"]
DATABASE = "postgresql://postgres@db.{}.supabase.co:{}/postgres{}"


def spoiled(line: str, name: str = "production") -> tuple[Finding, ...]:
    """What is found when one line stands there instead of the good one."""
    values = {key: value for key, value in good(name).items() if key != line.partition("=")[0]}
    return findings({name: text_of(values) + line + "\n"})


def test_a_good_set_gives_no_finding() -> None:
    """Not one, of no severity."""
    assert () == findings()


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
        ("ENV007", "VITE_SUPABASE_ANON_KEY=sb_secret_abcdefghijklmnopqrstuv_12345678"),
        ("ENV007", f"VITE_CHECK={good('production')['WHATSAPP_VERIFY_TOKEN']}"),
        ("ENV007", "VITE_SITE_URL=https://me:pw123456@airhost-prod.replit.app"),
        ("ENV008", f"VITE_SUPABASE_ANON_KEY={jwt('anon', OURS, 1_500_000_000)}"),
        ("ENV008", f"VITE_SUPABASE_ANON_KEY={jwt('anon', OURS)[:70]}"),
        ("ENV009", f"VITE_SUPABASE_URL=https://{THEIRS}.supabase.co"),
        ("ENV009", f"VITE_SUPABASE_ANON_KEY={jwt('anon', THEIRS)}"),
        ("ENV009", f"DATABASE_URL={DATABASE.format('zzzdefghijklmnopqrst', 5432, '')}"),
        (
            "ENV009",
            f"DATABASE_URL=postgresql://postgres.{THEIRS}@aws-0-eu.pooler.supabase.com:5432/postgres",
        ),
        ("ENV010", f"OPENAI_API_KEY={good('staging')['OPENAI_API_KEY']}"),
        ("ENV011", f"VITE_SITE_URL={URLS['staging']}/"),
        ("ENV011", "VITE_ENVIRONMENT=prdo"),
        ("ENV011", "NODE_ENV=development"),
        ("ENV012", f"DATABASE_URL={DATABASE.format(OURS, 6543, '')}"),
        ("ENV012", f"DATABASE_URL={DATABASE.format(OURS, 5432, '?sslmode=disable')}"),
        ("ENV012", "VITE_SUPABASE_URL=http://localhost:54321"),
        ("ENV013", "BASH_ENV=./x.sh"),
        ("ENV014", "WHATSAPP_VERIFY_TOKEN=abc123"),
    ],
)
def test_a_planted_mistake_is_found_with_its_line_and_without_its_value(rule: str, line: str) -> None:
    """The finding names file, line and variable; the value is in no part of it."""
    name, _, value = line.partition("=")
    found = [each for each in spoiled(line) if each.rule == rule and each.file == ".env.production"]

    assert found
    assert {10, 11} & {each.line for each in found}
    assert rule == "ENV001" or name in {each.name for each in found}
    assert len(value) < 12 or value not in "".join(f"{each} {each.hint}" for each in spoiled(line))


@pytest.mark.parametrize(
    "line",
    [
        "VITE_STRIPE_KEY=pk_live_abcdefghijklmnop1234",
        "VITE_FIREBASE_API_KEY=AIzaSyA1234567890abcdefghijklmnopqrstuvw",
        "VITE_SUPABASE_ANON_KEY=sb_publishable_abcdefghijklmnopqrstuv_12345678",
        "VITE_STORAGE_KEY=airhost-session",
        "VITE_PASSWORD_MIN_LENGTH=12",
        "VITE_PASSWORD_LOGIN=true",
        "TOKEN_TTL=3600",
        "VITE_SENTRY_DSN=https://abc123@o1.ingest.sentry.io/42",
        "AUTH_METHOD=password",
    ],
)
def test_what_is_public_by_design_stops_nothing(line: str) -> None:
    """A finding about each of these would teach people to look away."""
    assert [] == [each for each in spoiled(line) if each.severity == "error"]


def test_the_three_secrets_of_the_first_files_are_found_with_the_way_out() -> None:
    """Each of three per file, no more of that rule: rename, set, rotate."""
    texts = {}
    for name in PROJECTS:
        values = good(name)
        for bare in ("SUPABASE_SERVICE_ROLE_KEY", "OPENAI_API_KEY", "WHATSAPP_VERIFY_TOKEN"):
            values[f"VITE_{bare}"] = values.pop(bare)
        texts[name] = text_of(values)
    found = findings(texts)

    assert 9 == len(found)
    assert {"ENV006"} == {each.rule for each in found}
    assert all("rename it to `" in each.hint and "rotate" in each.hint for each in found)
    assert 6 == sum("supabase secrets set --env-file" in each.hint for each in found)


def test_a_secret_that_may_be_shared_is() -> None:
    """One Slack channel for all environments is a choice, not a mistake."""
    hook = "SLACK_WEBHOOK_URL=https://hooks.example.org/services/T000/B000/abcdefgh\n"

    assert () == findings({name: text_of(good(name)) + hook for name in PROJECTS})


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
