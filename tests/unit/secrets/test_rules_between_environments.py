"""The rules that compare an environment with what it is, and with the others of the chain."""

from __future__ import annotations

import pytest

from scripts.secrets.finding import Finding
from tests.support.environments import PROJECTS, URLS, findings, good, jwt, text_of

OURS, THEIRS = PROJECTS["production"], PROJECTS["staging"]
STRANGE = "zzzdefghijklmnopqrst"
POOLER = "aws-0-eu.pooler.supabase.com"


def database(project: str, port: int = 5432, query: str = "") -> str:
    """The address of a project's database."""
    return f"postgresql://postgres@db.{project}.supabase.co:{port}/postgres{query}"


def findings_with(line: str, name: str = "production") -> list[Finding]:
    """What is found in an environment when one line is there instead of the good one."""
    values = {key: value for key, value in good(name).items() if key != line.partition("=")[0]}
    changed = findings({name: text_of(values) + line + "\n"})
    return [finding for finding in changed if finding.file == f".env.{name}"]


def rules_with(line: str, name: str = "production") -> set[str]:
    """Their rules, warnings too."""
    return {finding.rule for finding in findings_with(line, name)}


def test_a_name_that_only_others_have_is_a_warning() -> None:
    """Of each that lacks it, with the file that has it."""
    found = findings({"staging": text_of(good("staging")) + "FEATURES=a\n"})

    assert [(each.rule, each.severity, each.file, each.name) for each in found] == [
        ("ENV004", "warning", f".env.{name}", "FEATURES") for name in ("development", "production")
    ]
    assert "`.env.staging` has it" in found[0].message


@pytest.mark.parametrize(
    "line",
    [
        *(
            "SLACK_WEBHOOK_URL=https://hooks.example.org/services/T000/B000/abcdefgh",
            "LOAD_ACCOUNTS=a@b.c:dddddddd",
        ),
        *("SCRATCH_DATABASE_URL=postgresql://a@127.0.0.1:5432/x", "E2E_USER=ada", "DEBUG=1", "APP_DEBUG=1"),
        *("SENTRY_ENVIRONMENT=staging", "BACKUP_S3_KEY_ID=abcdefghij12", "NODE_ENV=production"),
    ],
)
def test_what_an_environment_may_have_alone_is_no_finding(line: str) -> None:
    """The desk's own variables, and what is local."""
    assert findings({"staging": text_of(good("staging")) + line + "\n"}) == ()


def test_a_misplaced_secret_is_not_asked_for_elsewhere() -> None:
    """`VITE_X_SECRET` has to go, not to spread."""
    found = findings({"staging": text_of(good("staging")) + "VITE_X_SECRET=b7Kq2mZx9Lw4Rt8\n"})

    assert {each.rule for each in found} == {"ENV006"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"VITE_SUPABASE_URL=https://{THEIRS}.supabase.co", "belongs to the instance of staging"),
        (f"VITE_SUPABASE_ANON_KEY={jwt('anon', THEIRS)}", "belongs to the instance of staging"),
        (f"VITE_SUPABASE_ANON_KEY={jwt('anon', STRANGE)}", "another project than `SUPABASE_URL`"),
        (f"DATABASE_URL={database(STRANGE)}", "another project than `SUPABASE_URL`"),
        (f"DATABASE_URL=postgresql://postgres.{THEIRS}@{POOLER}:5432/postgres", "the instance of staging"),
    ],
)
def test_keys_and_addresses_must_be_of_one_project(line: str, message: str) -> None:
    """The project is that of the app's own `SUPABASE_URL`."""
    assert message in " ".join(each.message for each in findings_with(line) if each.rule == "ENV009")


def test_a_database_of_two_environments_is_told_wherever_it_is() -> None:
    """Without a default port, and in capitals."""
    one, two = (
        "postgresql://a:b7Kq2mZx9Lw4@DB.example.org/app",
        "postgresql://c:Xy4Rt8b7Kq2m@db.example.org:5432/app",
    )
    texts = {
        name: text_of(good(name) | {"DATABASE_URL": url})
        for name, url in (("staging", one), ("production", two))
    }

    assert [each.message for each in findings(texts) if each.rule == "ENV009"] == [
        "`DATABASE_URL` is the database of staging",
        "`DATABASE_URL` is the database of production",
    ]


def test_the_same_secret_in_two_environments_is_told_under_any_name() -> None:
    """With the place of the other; never its value."""
    line = f"MAIL_TOKEN={good('staging')['OPENAI_API_KEY']}"
    found = [each for each in findings_with(line) if each.rule == "ENV010"]

    assert [each.name for each in found] == ["MAIL_TOKEN"]
    assert "the same secret as `OPENAI_API_KEY` of staging (`.env.staging`, line 6)" in found[0].message
    assert good("staging")["OPENAI_API_KEY"] not in str(found)


@pytest.mark.parametrize("value", ["your-key-here", "https://example.org/one"])
def test_a_placeholder_or_a_plain_address_is_no_shared_secret(value: str) -> None:
    """The former has a finding of its own."""
    texts = {name: text_of(good(name)) + f"MAIL_TOKEN={value}\n" for name in PROJECTS}

    assert "ENV010" not in {each.rule for each in findings(texts)}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("VITE_ENVIRONMENT=staging", "says that this is staging"),
        ("VITE_ENVIRONMENT=stage", "says that this is staging"),
        ("VITE_ENVIRONMENT=prdo", "names no environment of the chain"),
        ("APP_ENV=dev", "says that this is development"),
        ("NODE_ENV=development", "would ship a development build"),
        (f"VITE_SITE_URL={URLS['staging']}/", "is the address of staging"),
        (f"CALLBACK={URLS['staging'].upper()}/cb", "is the address of staging"),
    ],
)
def test_the_name_or_address_of_another_environment_is_told(line: str, message: str) -> None:
    """In whatever case, and under a synonym."""
    assert f"`{line.partition('=')[0]}` {message}" in [
        each.message for each in findings_with(line) if each.rule == "ENV011"
    ]


@pytest.mark.parametrize(
    "line",
    [
        *(
            "VITE_ENVIRONMENT=prod",
            "VITE_ENVIRONMENT=Production",
            "VITE_ENVIRONMENT=live",
            "APP_ENV=canary",
        ),
        *("NODE_ENV=production", f"LINKS={URLS['production']},{URLS['staging']}"),
        f"OTHER={URLS['staging']}.example.org",
    ],
)
def test_its_own_name_in_other_words_is_fine(line: str) -> None:
    """And an address that only begins alike."""
    assert "ENV011" not in rules_with(line)


def test_the_first_of_the_chain_may_be_ones_own_machine() -> None:
    """People work there."""
    local = good("development") | {"VITE_SITE_URL": "http://localhost:5173", "NODE_ENV": "development"}

    assert findings({"development": text_of(local)}) == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"DATABASE_URL={database(OURS, 6543)}", "goes through the transaction pooler (port 6543)"),
        (f"DATABASE_URL={database(OURS, query='?sslmode=prefer')}", "without TLS (`sslmode=prefer`)"),
        (f"DATABASE_URL=https://{OURS}.supabase.co", "is no address of a PostgreSQL database"),
        (f"DATABASE_URL=postgresql://db.{OURS}.supabase.co", "is no address of a PostgreSQL database"),
        ("DATABASE_URL=postgresql://a:b@host:port/x", "is no address of a PostgreSQL database"),
        ("VITE_SUPABASE_URL=http://localhost:54321", "is an address of the visitor's own machine"),
        ("VITE_API_URL=http://api.example.org", "is not encrypted"),
        ("VITE_API_URL=ftp://api.example.org", "is no address that a browser can open"),
        ("VITE_API_URL=api.example.org", "is no address"),
        ('VITE_API_URL="https://a b"', "is no address"),
    ],
)
def test_an_address_that_can_not_work_is_told(line: str, message: str) -> None:
    """With what it should look like."""
    found = [each for each in findings_with(line) if each.rule == "ENV012"]

    assert [message in each.message for each in found] == [True]
    assert "it looks like" in found[0].hint or "it begins with" in found[0].hint


@pytest.mark.parametrize(
    "line",
    [
        f"DATABASE_URL={database(OURS, query='?sslmode=verify-full')}",
        "VITE_API_URL=/api",
        "VITE_WS_URL=wss://ws.example.org",
        "API_URL=http://internal:8080",
    ],
)
def test_an_address_that_works_is_fine(line: str) -> None:
    """What the server asks is its own affair."""
    assert "ENV012" not in rules_with(line)
