"""What a preview's build gets, and what it never gets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.errors import Refused
from scripts.preview.places import Place, place_of
from scripts.preview.variables import borrowed, require_harmless
from tests.fakes.previews import Previews, build_previews

NAMES = ["VITE_SUPABASE_URL", "VITE_SITE_URL", "VITE_ENVIRONMENT"]
STAGING = "VITE_SUPABASE_URL=https://stagingstagingstagin.supabase.co\nOPENAI_API_KEY=sk-proj-abcdefghijklmnop0123\n"
KEY = "sk-proj-abcdefghijklmnop0123"


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Previews:
    """The build gets three variables, of which the first environment lends one."""
    changes = {"app__build_variables": NAMES, "preview__borrow": ["VITE_SUPABASE_URL"]}
    made = build_previews(tmp_path, monkeypatch, **changes)
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / ".env.staging").write_text(STAGING)
    return made


def place(previews: Previews, values: Mapping[str, Mapping[str, str]]) -> Place:
    """The slot `one`, where environments have these values."""
    return place_of(previews.world.desk(values=lambda each: values.get(each.name, {})), "one")


def test_values_of_the_slot_come_before_those_of_all(given: Previews) -> None:
    """And what is borrowed comes last."""
    own = {
        "VITE_SITE_URL": "a",
        "ONE_VITE_SITE_URL": "b",
        "TWO_VITE_SITE_URL": "c",
        "VITE_ENVIRONMENT": "preview",
    }
    first = {
        "VITE_SUPABASE_URL": "https://dev.example.org",
        "VITE_SITE_URL": "not this",
        "SECRET": "nor this",
    }
    lent = borrowed(place(given, {"preview": own, "development": first}))

    assert lent.desk.build_variables(lent.environment) == {
        "VITE_SUPABASE_URL": "https://dev.example.org", "VITE_SITE_URL": "b", "VITE_ENVIRONMENT": "preview",
    }  # fmt: skip
    assert "SECRET" not in lent.values
    require_harmless(lent)


def test_a_secret_is_not_lent(given: Previews) -> None:
    """Whatever its name is."""
    with pytest.raises(Refused, match="which is a secret of development") as caught:
        borrowed(place(given, {"development": {"VITE_SUPABASE_URL": KEY}}))
    assert KEY not in caught.value.message


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (
            {"VITE_ENVIRONMENT": KEY},
            "`VITE_ENVIRONMENT` has the value of the secret `OPENAI_API_KEY` of staging",
        ),
        ({"ONE_X": KEY}, "has the value of the secret `OPENAI_API_KEY` of staging"),
        (
            {"VITE_SUPABASE_URL": "https://stagingstagingstagin.supabase.co"},
            "`VITE_SUPABASE_URL` has the value of staging",
        ),
    ],
)
def test_what_is_another_environments_is_refused(given: Previews, values: dict[str, str], why: str) -> None:
    """A secret under any name, and a public value that leads to its data; values are not shown."""
    with pytest.raises(Refused) as caught:
        require_harmless(place(given, {"preview": values}))
    assert why in caught.value.message
    assert KEY not in caught.value.message


@pytest.mark.parametrize(("host", "refused"), [("127.0.0.1", False), ("db.example.org", True)])
def test_only_a_server_of_this_machine_may_have_the_password_of_another(
    given: Previews, tmp_path: Path, host: str, refused: bool
) -> None:
    """As in a sandbox, where one server has all databases."""
    (tmp_path / "env" / ".env.staging").write_text("DATABASE_PASSWORD=abcdefghijklmnop12\n")
    own = {"DATABASE_URL": f"postgresql://p@{host}/postgres", "DATABASE_PASSWORD": "abcdefghijklmnop12"}
    values = place(given, {"preview": own})
    if refused:
        with pytest.raises(Refused, match="`DATABASE_PASSWORD` has the value of the secret"):
            require_harmless(values)
    else:
        require_harmless(values)


def test_a_secret_of_all_environments_may_be_a_previews_too(given: Previews, tmp_path: Path) -> None:
    """As `[secrets] shared` says."""
    (tmp_path / "env" / ".env.staging").write_text("REPLIT_MCP_TOKEN=abcdefghijklmnopqrstuvwx\n")
    require_harmless(place(given, {"preview": {"REPLIT_MCP_TOKEN": "abcdefghijklmnopqrstuvwx"}}))
