"""What a release can't do without is named at once, by the names that CI sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.errors import ConfigError
from scripts.secrets.required import require_variables
from tests.support.fake_desk import fake_desk
from tests.support.tables import settings

ADDRESS = "postgresql://postgres@127.0.0.1:5432/app"
BUILT = ["VITE_SITE_URL", "VITE_SUPABASE_URL"]


def a_desk(folder: Path, **values: str) -> Desk:
    """A desk with functions, whose values are these in every environment."""
    (folder / "supabase" / "functions" / "hello").mkdir(parents=True, exist_ok=True)
    (folder / "supabase" / "functions" / "hello" / "index.ts").touch()
    chosen = settings(
        app__build_variables=BUILT, app__migrations="supabase/migrations", backup__bucket="copies"
    )
    return fake_desk(
        folder,
        settings=chosen,
        config_folder=folder,
        values=dict.fromkeys(("staging", "production"), values),
    )


def missing(desk: Desk, name: str, *, builds: bool = True) -> set[str]:
    """The variables that the refusal names."""
    with pytest.raises(ConfigError) as caught:
        require_variables(desk, desk.settings.environment(name), builds=builds)
    assert (caught.value.hint or "").count(f".env.{name}") == 1
    return {line.split("`")[1] for line in caught.value.message.splitlines()[1:]}


@pytest.mark.parametrize("values", [{}, {"DATABASE_URL": ADDRESS}], ids=["none", "half"])
def test_all_are_named_at_once(tmp_path: Path, values: dict[str, str]) -> None:
    """Also the password without which the address is of no use, and the tokens of later steps."""
    found = missing(a_desk(tmp_path, **values), "staging")

    assert found >= {
        "STAGING_VITE_SITE_URL",
        "STAGING_VITE_SUPABASE_URL",
        "STAGING_DATABASE_PASSWORD",
        "STAGING_SUPABASE_ACCESS_TOKEN",
        "STAGING_SUPABASE_PROJECT_ID",
    }
    assert ("STAGING_DATABASE_URL" in found) == (not values)
    assert not any("BACKUP" in name for name in found)


def test_production_needs_the_keys_of_its_bucket(tmp_path: Path) -> None:
    """Its backup is taken in the midst of a release."""
    found = missing(a_desk(tmp_path), "production")

    assert {"PRODUCTION_BACKUP_S3_KEY_ID", "PRODUCTION_BACKUP_S3_SECRET_KEY"} <= found


def test_a_way_back_needs_what_connects(tmp_path: Path) -> None:
    """What only a build needs stops no rollback."""
    found = missing(a_desk(tmp_path), "staging", builds=False)
    desk = a_desk(tmp_path, DATABASE_URL=ADDRESS)

    assert not any("VITE" in name for name in found)
    require_variables(desk, desk.settings.environment("staging"), builds=False)


def test_what_needs_no_connection_is_for_env_check(tmp_path: Path) -> None:
    """Its findings stand in the plan."""
    desk = a_desk(tmp_path, DATABASE_URL=ADDRESS, DATABASE_PASSWORD="hidden")

    require_variables(desk, desk.settings.environment("staging"), builds=True)
