"""What is a secret: one answer, for the rules of `env.check` and for masking."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scripts.secrets.classify import (
    PublicNames,
    colliding,
    is_public_format,
    is_secret,
    is_secret_name,
    is_strong_name,
    masked_values,
    sensitivity,
)
from tests.support.environments import PROJECTS, jwt

VALUE = "b7Kq2mZx9Lw4Rt8"
PUBLIC = PublicNames(built=("SITE_TITLE",))
NAMES = ("development", "dev", "develop", "staging", "main")
ANON, SERVICE = (jwt(role, PROJECTS["production"]) for role in ("anon", "service_role"))


def is_masked(name: str, value: str = VALUE, *, declared: bool = True) -> bool:
    """Whether the whole value is masked."""
    return (name, value) in masked_values({name: value}, PUBLIC, NAMES, declared=declared)


def collisions(name: str, value: str, names: Sequence[str] = NAMES, *, declared: bool = True) -> list[str]:
    """The variables that would hide one of the names."""
    known = names if declared else ()
    return list(colliding(masked_values({name: value}, PUBLIC, known, declared=declared), names))


@pytest.mark.parametrize(
    "name",
    [
        *("SMTP_PASS", "ADMIN_PWD", "DB_PWD", "APP_PRIVATE", "SERVICE_ROLE", "SUPABASE_SERVICE_ROLE"),
        *("DB_DSN", "REDIS_URL", "SIGNING_SALT", "GITHUB_PAT", "REDIS_CONNECTION_STRING", "openaiApiKeys"),
        *(
            "DATABASE_PASSWORD",
            "GH_TOKEN",
            "OPENAI_API_KEY",
            "SLACK_WEBHOOK_URL",
            "VITE_SERVICE_ROLE_KEY",
            "a_secret",
        ),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_what_the_rules_call_a_secret_is_masked(name: str, declared: bool) -> None:
    """The first two lines were not masked while there were two definitions."""
    assert is_secret(name, VALUE, PUBLIC.prefix(name))
    assert is_masked(name, declared=declared)


@pytest.mark.parametrize(
    "name", ["CACHE_KEY", "MAPBOX_KEY", "MYTOKEN", "TOKEN_AUDIENCE", "SECRET_NAME", "DOOR_ACCESS_CODE"]
)
@pytest.mark.parametrize("declared", [True, False])
def test_what_only_sounds_secret_is_masked_and_no_rule_says_anything(name: str, declared: bool) -> None:
    """A mask too many hides a word; a rule too many stops a release."""
    assert sensitivity(name, VALUE) == "private"
    assert is_masked(name, declared=declared)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOAD_ACCOUNTS", "host@example.org:pw-1"),
        ("BACKUP_IDENTITY", "identity"),
        ("MAIL_LOGIN", VALUE),
        ("N8N_HOOK", "https://n8n.example.org/webhook/0f1e2d3c4b5a69788796"),
        ("STORAGE", "https://storage.example.org/?sig=0f1e2d3c4b5a69788796"),
    ],
)
def test_every_value_of_an_environment_is_masked_unless_it_is_public_by_rule(name: str, value: str) -> None:
    """The name says nothing."""
    assert sensitivity(name, value) == "private"
    assert is_masked(name, value)


def test_the_process_environment_is_not_masked_as_a_whole() -> None:
    """It holds the machine's paths and words; the desk's own secrets are known by their names."""
    assert not is_masked("MAIL_LOGIN", declared=False)
    assert not is_masked("PWD", "/home/ada/Airhost2", declared=False)
    assert is_masked("BACKUP_IDENTITY", "identity", declared=False)


@pytest.mark.parametrize(
    "value",
    [
        "sk-proj-" + "Zx9" * 10,
        "postgres://app:S3cretS3cret@db.airhost.io/app",
        SERVICE,
        "AGE-SECRET-KEY-1" + "QPZRY9X8GF" * 6,
    ],
)
@pytest.mark.parametrize("name", ["PLAIN", "VITE_PLAIN", "SOME_ID", "X_PATH"])
def test_a_value_in_the_format_of_a_key_is_a_secret_under_any_name(name: str, value: str) -> None:
    """Masking looked at names alone."""
    assert is_secret(name, value, PUBLIC.prefix(name))
    assert is_masked(name, value, declared=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VITE_SUPABASE_ANON_KEY", ANON),
        ("SUPABASE_PUBLISHABLE_KEY", VALUE),
        ("VITE_SITE_TITLE", VALUE),
        ("SITE_TITLE", VALUE),
        ("VITE_MAPBOX_KEY", VALUE),
        ("VITE_STRIPE_KEY", "pk_live_abcdefghijklmnop1234"),
        ("SSH_KEY_PATH", "~/.ssh/Id1"),
        ("PASSWORD_STORE_DIR", "/home/Ada1"),
        ("AWS_ACCOUNT_ID", "1234567890ab"),
        ("SUPABASE_PROJECT_REF", PROJECTS["production"]),
        ("SOURCE_COMMIT", "1234567890abcdef1234567890abcdef12345678"),
        ("LOG_LEVEL", "warning"),
        ("DB_USER", "postgres"),
        ("MIGRATION", "20260105090000"),
        ("APP_VERSION_NUMBER", "v1.20.3"),
        ("DB_HOST", "db.example.org:5432"),
        ("CALLBACK", "https://airhost.example.org/auth/callback"),
        ("UPLOADS", "/var/lib/uploads"),
        ("PASSWORD_LOGIN", "true"),
        ("TOKEN_TTL", "3600"),
        ("EMPTY_TOKEN", ""),
        ("DATABASE_URL", "staging"),
    ],
)
def test_what_everybody_may_see_is_not_masked(name: str, value: str) -> None:
    """What browsers have, and what a mask would turn into nonsense: words, numbers, paths, addresses."""
    assert not is_masked(name, value)


@pytest.mark.parametrize("name", ["CACHE_KEY", "APP_ENV", "ENVIRONMENT", "LAUNCHPAD"])
@pytest.mark.parametrize("value", NAMES)
def test_the_name_of_an_environment_or_branch_is_not_masked(name: str, value: str) -> None:
    """`CACHE_KEY=development` once made `"environment": "***"` in the ledger."""
    assert not is_masked(name, value)
    assert collisions(name, value) == []


def test_a_branch_of_any_form_is_not_masked_under_a_name_that_says_nothing() -> None:
    """`release/2030-01` is no plain word."""
    assert not list(
        masked_values({"DEFAULT_BRANCH": "release/2030-01"}, PUBLIC, ["release/2030-01"], declared=True)
    )


@pytest.mark.parametrize("value", ["development", "develop", "velopment", " develop ", "tnempoleved"])
def test_a_secret_that_is_part_of_a_name_collides(value: str) -> None:
    """It has to be masked, reversed as well, and the name can't be: the run is refused."""
    assert collisions("SMTP_PASS", value) == ["SMTP_PASS"]


@pytest.mark.parametrize("value", ["", " ", "main", "stag", "developers", VALUE])
def test_another_secret_collides_with_nothing(value: str) -> None:
    """A longer one does not stand inside of a name, and a very short one is not masked."""
    assert collisions("SMTP_PASS", value) == []


@pytest.mark.parametrize(
    ("name", "value", "declared"),
    [("CACHE_KEY", "pre-prod", False), ("MYTOKEN", "release/2030-01", False), ("LOGIN", "2030-01", True)],
)
def test_what_is_masked_and_no_secret_by_the_rules_collides_too(
    name: str, value: str, declared: bool
) -> None:
    """The process environment is masked before the names are known; a part of a name is not the name."""
    assert collisions(name, value, ("pre-prod", "release/2030-01"), declared=declared) == [name]


def test_a_password_inside_an_address_is_masked_under_any_name() -> None:
    """As it stands there, and decoded."""
    values = {"SITE": "https://me:p%40ss-word@example.org/", "OPEN": "https://example.org:8080/a:b@c"}

    masked = masked_values(values, PUBLIC, declared=True)

    assert {("SITE", "p%40ss-word"), ("SITE", "p@ss-word")} <= set(masked)
    assert not list(masked_values({"OPEN": values["OPEN"]}, PUBLIC, declared=False))


def test_each_password_of_a_list_of_accounts_is_masked() -> None:
    """A load test's log shows one account, never the list."""
    values = {"LOAD_ACCOUNTS": "a@example.org:pw-one,b@example.org:pw-two"}

    assert {"pw-one", "pw-two"} < {value for _, value in masked_values(values, PUBLIC, declared=True)}


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("VITE_A", "VITE_"), ("SITE_TITLE", ""), ("VITE_SITE_TITLE", "VITE_"), ("PLAIN", None), ("", None)],
)
def test_the_public_prefix_of_a_name(name: str, prefix: str | None) -> None:
    """The longest one that fits; the build's own variables have none and are public."""
    assert PublicNames(("", "V", "VITE_"), ("SITE_TITLE",)).prefix(name) == prefix


@pytest.mark.parametrize(
    ("name", "strong", "weak"),
    [
        ("PAYMENT_SECRET", True, True),
        ("DATABASE_URL", True, True),
        ("MY_WEBHOOK_URL", True, True),
        ("PASSWORD_MIN_LENGTH", False, False),
        ("STRIPE_KEY", False, True),
        ("STRIPE_KEY_LIVE", False, True),
        ("apiToken2", False, True),
        ("FIREBASE_API_KEY", False, False),
        ("TOKEN_TTL", False, False),
        ("KEYBOARD", False, False),
        ("PWD", False, False),
        ("COMPASS", False, False),
    ],
)
def test_a_secret_by_its_name(name: str, strong: bool, weak: bool) -> None:
    """A strong name is secret over any value; a weak one unless browsers may have the value."""
    assert (is_strong_name(name), is_secret_name(name)) == (strong, weak)
    assert (is_strong_name(f"VITE_{name}", "VITE_"), is_secret_name(f"VITE_{name}", "VITE_")) == (
        strong,
        weak,
    )


def test_the_name_of_a_setting_for_git_is_never_masked() -> None:
    """Messages name it, with a command to paste."""
    variables = {"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_KEY_12": "http.https://h/.extraheader"}

    assert not is_secret_name("GIT_CONFIG_KEY_0")
    assert list(masked_values(variables, PublicNames(), declared=False)) == []


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("VITE_AUTH_TOKEN_KEY", "airhost-auth", False),
        ("VITE_SENTRY_REPLAY_KEY", "session", False),
        ("VITE_USER_KEY", "@airhost/user", False),
        ("VITE_DRAFT_KEY", "bookingDraft", False),
        ("VITE_SHORTCUT_KEY", "mod+shift+p", False),
        ("VITE_EXPERIMENT_KEY", "exp_42_pricing", False),
        ("VITE_AUTH_TOKEN_KEY", VALUE, True),
        ("VITE_AUTH_KEY", "qXzBvKtRpWmN", True),
        ("VITE_AUTH_KEY", "super-secret-words", True),
        ("VITE_OPENAI_KEY", "value-of-openai", True),
        ("VITE_AUTH_TOKEN", "airhost-auth", True),
    ],
)
def test_the_name_of_a_place_in_the_browser_is_no_secret(name: str, value: str, secret: bool) -> None:
    """Both the name and the value have to say so; on the server the name alone counts."""
    assert is_secret(name, value, PUBLIC.prefix(name)) == secret
    assert is_secret(name.removeprefix("VITE_"), value)


def test_a_public_value_under_a_weak_name_is_no_secret_but_under_a_strong_one() -> None:
    """`VITE_STRIPE_KEY` may hold what Stripe made for browsers."""
    value = "pk_live_abcdefghijklmnop1234"

    assert not is_secret("VITE_STRIPE_KEY", value, "VITE_")
    assert is_secret("VITE_STRIPE_SECRET", value, "VITE_")


@pytest.mark.parametrize(
    ("value", "public"), [(ANON, True), (SERVICE, False), ("https://a.example", True), (VALUE, False)]
)
def test_a_format_that_vendors_made_for_browsers(value: str, public: bool) -> None:
    """Publishable keys, visitors' tokens, plain addresses."""
    assert is_public_format(value) == public
