"""`config.show`: what counts, where it is from, and no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.secrets.config_show import show
from scripts.secrets.request import ConfigRequest
from scripts.tables import TABLES
from tests.support.environments import PROJECTS, good, text_of
from tests.support.fake_desk import fake_desk
from tests.support.repositories import Repository
from tests.support.tables import settings

TOML = """\
chain = ["development", "staging", "production"]
[verify]
timeout = 7
[environment.staging]
branch = "staging"
"""
SECRET = good("staging")["SUPABASE_SERVICE_ROLE_KEY"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Three good environments; the process says one variable of staging anew."""
    Repository(tmp_path).git("init", "-q")
    for name in PROJECTS:
        (tmp_path / f".env.{name}").write_text(text_of(good(name)))
    (tmp_path / "pipeline.toml").write_text(TOML)
    made = settings(verify__timeout=7.0)

    def process(environment: Any, _known: tuple[str, ...]) -> dict[str, str]:
        return {"OPENAI_API_KEY": "sk-of-the-process"} if environment.name == "staging" else {}

    return fake_desk(tmp_path, config_folder=tmp_path, settings=made, process=process)


def sources(outcome: Outcome) -> dict[str, str]:
    """Where each setting is from."""
    return {each["key"]: each["source"] for each in outcome.data["settings"]}


def test_each_setting_has_the_line_that_says_so(desk: Desk) -> None:
    """Or `default`."""
    seen = sources(show(desk, ConfigRequest()))

    assert (seen["chain"], seen["verify.timeout"]) == ("pipeline.toml:1", "pipeline.toml:3")
    assert (seen["verify.interval"], seen["environment.staging.branch"]) == ("default", "pipeline.toml:5")
    assert "environment.production.branch" in seen


def test_one_environment_is_shown_alone(desk: Desk) -> None:
    """With what all share; by its alias as well."""
    outcome = show(desk, ConfigRequest(env="prod"))

    assert not [key for key in sources(outcome) if key.startswith("environment.staging")]
    assert {each["environment"] for each in outcome.data["variables"]} == {"production"}
    with pytest.raises(Refused, match="there is no environment `nowhere`"):
        show(desk, ConfigRequest(env="nowhere"))


def test_variables_have_a_source_and_no_secret_a_value(desk: Desk) -> None:
    """The process environment wins over the file; what browsers get is shown."""
    outcome = show(desk, ConfigRequest(env="staging"))
    rows = {each["name"]: each for each in outcome.data["variables"]}

    assert rows["OPENAI_API_KEY"]["source"] == "process environment"
    assert (rows["SUPABASE_SERVICE_ROLE_KEY"]["kind"], rows["SUPABASE_SERVICE_ROLE_KEY"]["value"]) == (
        *("secret", None),
    )
    assert rows["SUPABASE_SERVICE_ROLE_KEY"]["source"].startswith(".env.staging:")
    assert rows["VITE_SUPABASE_URL"]["value"] == good("staging")["VITE_SUPABASE_URL"]
    whole = json.dumps(outcome.document()) + "\n".join(TABLES[ConfigRequest](outcome.data, 200))
    assert SECRET not in whole
    assert "sk-of-the-process" not in whole


def test_defaults_are_shown_where_they_are_asked_for(desk: Desk) -> None:
    """The table of a whole configuration would hide what a team has written."""
    few, many = (
        "\n".join(TABLES[ConfigRequest](show(desk, ConfigRequest(all=every)).data, 200))
        for every in (False, True)
    )

    assert "verify.timeout" in few
    assert "verify.interval" not in few
    assert "verify.interval" in many


def test_a_file_of_variables_that_is_broken_hides_no_other(desk: Desk) -> None:
    """It is named."""
    (desk.config_folder / ".env.development").write_bytes(b"A=caf\xe9\n")
    outcome = show(desk, ConfigRequest())

    assert {each["environment"] for each in outcome.data["variables"]} == {"staging", "production"}
