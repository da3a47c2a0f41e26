"""The table of the desk's own variables, and what has to agree with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.config import variables
from scripts.config.settings import DRIVERS, Secrets
from scripts.config.variables import VARIABLES, is_desk_only
from scripts.notify.chat import TARGETS

ENV = Path(__file__).resolve().parents[3] / "env"


def test_each_name_stands_once() -> None:
    """A second row would be read by nobody."""
    names = [variable.name for variable in VARIABLES]

    assert sorted(set(names)) == sorted(names)


def test_what_notices_and_drivers_read_is_in_the_table() -> None:
    """Else CI could not set it plainly, and no rule would know it."""
    read = {target.variable for target in TARGETS.values()}
    read |= {name for driver in DRIVERS.values() for name in driver.variables}

    assert read <= set(variables.PLAIN_NAMES)


def test_the_variables_of_the_examples_are_in_the_table() -> None:
    """Those that stand there for the release desk alone."""
    text = (ENV / ".env.staging.example").read_text().partition("for the release desk only")[2]
    names = set(re.findall(r"(?m)^(?:# )?([A-Z][A-Z0-9_]+)=", text))

    assert len(names) > 5
    assert names <= variables.NAMES


def test_the_default_of_shared_secrets_comes_from_the_table() -> None:
    """What one account gives out once."""
    assert Secrets().shared == variables.SHARED_NAMES
    assert "SLACK_WEBHOOK_URL" in variables.SHARED_NAMES
    assert "DATABASE_PASSWORD" not in variables.SHARED_NAMES


def test_a_ci_jobs_own_token_is_no_environments() -> None:
    """GitHub Actions sets `GITHUB_TOKEN` in every job."""
    assert "GITHUB_TOKEN" not in variables.PLAIN_NAMES
    assert "DATABASE_URL" in variables.PLAIN_NAMES


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("DATABASE_URL", True),
        ("BACKUP_S3_SECRET_KEY", True),
        ("BACKUP_OTHER_STORE_KEY", True),
        ("LOAD_ACCOUNTS", True),
        ("SENTRY_DSN", False),
        ("OPENAI_API_KEY", False),
        ("MY_BACKUP_KEY", False),
    ],
)
def test_what_the_desk_alone_reads(name: str, own: bool) -> None:
    """The app's server may have an address of Sentry, too."""
    assert is_desk_only(name) == own
