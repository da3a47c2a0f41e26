"""Variables as they are written down, and one environment as the rules see it."""

from __future__ import annotations

import hashlib

import pytest

from scripts.config.settings import Environment
from scripts.secrets.classify import PublicNames
from scripts.secrets.variables import (
    PROCESS,
    CheckedEnvironment,
    Configured,
    EnvFile,
    Variable,
    digest,
    is_local,
    parse_address,
    project_of,
    secrets_among,
)
from tests.support.environments import PROJECTS, jwt

PROJECT = PROJECTS["staging"]
PUBLIC = PublicNames(("VITE_",), ("SITE_URL",))


def env_file(*pairs: tuple[str, str]) -> EnvFile:
    """A file with these variables, a line each."""
    variables = tuple(Variable(name, value, ".env.staging", n) for n, (name, value) in enumerate(pairs, 1))
    return EnvFile("staging", ".env.staging", variables)


def checked(*pairs: tuple[str, str]) -> CheckedEnvironment:
    """The environment `staging` with these variables."""
    environment = Environment("staging", "staging", "https://staging.example.org", ("stage",))
    return CheckedEnvironment(Configured(environment, env_file(*pairs)), (), PUBLIC)


def test_the_last_of_two_counts() -> None:
    """So the process environment wins over the file."""
    file = env_file(("A", "file"), ("B", "b"), ("A", "process"))

    assert (file.value("A"), file.value("B"), file.value("C")) == ("process", "b", "")
    assert list(file.effective) == ["A", "B"]


def test_a_value_is_in_no_representation() -> None:
    """A traceback or a log shows names only."""
    assert "hunter2" not in repr(env_file(("A_TOKEN", "hunter2")))


def test_secrets_are_found_under_any_name() -> None:
    """By the name, or by the value."""
    pairs = (("A_TOKEN", "b7Kq2mZx9Lw4Rt8"), ("PLAIN", jwt("service_role", PROJECT)), ("VITE_A", "a"))

    assert [secret.name for secret in secrets_among(env_file(*pairs).variables, PUBLIC)] == [
        "A_TOKEN",
        "PLAIN",
    ]
    assert [secret.name for secret in checked(*pairs).secrets] == ["A_TOKEN", "PLAIN"]


def test_a_digest_is_sha256_in_hex() -> None:
    """No value has none."""
    assert digest("é") == hashlib.sha256("é".encode()).hexdigest()
    assert digest("") == ""


@pytest.mark.parametrize("value", ["", "a", "http://", "http://a:port/", "http://[", "//host/a"])
def test_what_is_no_address_has_no_parts(value: str) -> None:
    """Never an exception."""
    assert parse_address(value) is None


@pytest.mark.parametrize(
    ("value", "local"),
    [
        ("http://127.0.0.1:54321", True),
        ("http://127.1.2.3", True),
        ("postgres://localhost/db", True),
        ("http://[::1]:80/", True),
        ("http://app.localhost", True),
        ("https://localhost.example.org", False),
        ("", False),
    ],
)
def test_an_address_of_this_machine(value: str, local: bool) -> None:
    """By its host alone."""
    assert is_local(parse_address(value)) == local


@pytest.mark.parametrize(
    ("value", "project"),
    [
        (f"https://{PROJECT}.supabase.co", PROJECT),
        (f"https://{PROJECT.upper()}.SUPABASE.CO/rest/v1", PROJECT),
        (f"postgresql://postgres@db.{PROJECT}.supabase.co:5432/postgres", PROJECT),
        (f"postgresql://postgres.{PROJECT}:pw@aws-0-eu.pooler.supabase.com:5432/postgres", PROJECT),
        ("https://example.org", ""),
        ("no address", ""),
    ],
)
def test_the_project_of_an_address(value: str, project: str) -> None:
    """The API's, the database's, and the pooler's, where the user names it."""
    assert project_of(value) == project


def test_an_environment_has_the_project_of_its_own_supabase_url() -> None:
    """Whatever the prefix; not that of another address."""
    pairs = (
        ("OTHER_SUPABASE_URL", "https://zzzz.supabase.co"),
        ("VITE_SUPABASE_URL", f"https://{PROJECT}.supabase.co"),
    )

    assert checked(*pairs).own.project(PUBLIC) == PROJECT
    assert checked().own.project(PUBLIC) == ""
    assert checked().own.names == ("staging", "stage")


def test_a_finding_names_the_place_of_a_variable_and_the_file_of_a_missing_one() -> None:
    """A variable of the process environment has no line."""
    about = checked(("A", "a"))
    found = about.finding("ENV005", about.variables[0], "m", "h")
    missing = about.finding("ENV003", "B", "m", "h", "warning")
    process = about.finding("ENV005", Variable("C", "c", PROCESS), "m", "h")

    assert (found.file, found.line, found.name, found.severity) == (".env.staging", 1, "A", "error")
    assert (missing.file, missing.line, missing.name, missing.severity) == (
        ".env.staging",
        None,
        "B",
        "warning",
    )
    assert (process.file, process.line) == (PROCESS, None)


def test_public_variables_have_a_prefix_or_are_given_to_the_build() -> None:
    """Those with a value."""
    about = checked(("VITE_A", "a"), ("SITE_URL", "b"), ("B", "c"), ("VITE_EMPTY", ""))

    assert [(variable.name, prefix) for variable, prefix in about.public_variables()] == [
        ("VITE_A", "VITE_"),
        ("SITE_URL", ""),
    ]
    assert about.bare(about.variables[0]) == "A"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("VITE_SUPABASE_ANON_KEY", "public"),
        ("SUPABASE_PUBLISHABLE_KEY", "public"),
        ("SUPABASE_SERVICE_ROLE_KEY", "secret"),
        ("VITE_SUPABASE_SECRET_KEY", "secret"),
        ("OPENAI_API_KEY", ""),
    ],
)
def test_which_supabase_key_a_name_asks_for(name: str, kind: str) -> None:
    """The two are easily exchanged."""
    assert checked().key_kind(Variable(name, "x", "f")) == kind
