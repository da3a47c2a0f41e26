"""The sections of the configuration, and the chain."""

from __future__ import annotations

import pytest

from scripts.errors import Refused
from tests.support.tables import settings

SETTINGS = settings()


def test_iteration_follows_the_chain() -> None:
    """Environments come in the order in which a commit travels."""
    backwards = settings(chain=["production", "staging", "development"])

    assert [each.name for each in SETTINGS] == ["development", "staging", "production"]
    assert [each.name for each in backwards] == ["production", "staging", "development"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("development", "development"),
        ("dev", "development"),
        ("prod", "production"),
        ("staging", "staging"),
    ],
)
def test_names_and_aliases_lead_to_the_environment(name: str, found: str) -> None:
    """What people type is the name or an alias."""
    assert found == SETTINGS.environment(name).name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("stagin", "staging"), ("PROD", "production"), ("production ", "production"),
        ("prdo", "production"),
        ("main", "production"), ("develop", "development"), ("--help", ""), ("$(id)", ""),
    ],
)  # fmt: skip
def test_an_unknown_name_is_refused_with_the_known_ones(name: str, meant: str) -> None:
    """A near miss never means an environment; the hint lists the names."""
    with pytest.raises(Refused) as caught:
        SETTINGS.environment(name)

    assert caught.value.message == f"there is no environment `{name}`"
    guess = f"did you mean `{meant}`? " if meant else ""
    assert caught.value.hint == f"{guess}the chain has `development`, `staging`, `production`"


def test_no_name_is_said_as_such() -> None:
    """Nothing is the default: an environment is always named."""
    with pytest.raises(Refused, match="no environment was named"):
        SETTINGS.environment("")


def test_neighbours_in_the_chain() -> None:
    """The ends of the chain have one neighbour, the others two."""
    names = [(before and before.name, each.name, after and after.name)
             for each in SETTINGS
             for before, after in [(SETTINGS.before(each), SETTINGS.after(each))]]  # fmt: skip

    assert names == [
        (None, "development", "staging"),
        ("development", "staging", "production"),
        ("staging", "production", None),
    ]


def test_the_branch_has_its_full_name() -> None:
    """Refs are compared by their full names."""
    assert SETTINGS.environment("prod").branch_ref == "refs/heads/main"


def test_settings_can_not_be_changed() -> None:
    """What was checked is what is used."""
    with pytest.raises(AttributeError):
        SETTINGS.environment("prod").guarded = False  # type: ignore[misc]
