# pure
"""What `init` knows of an app: each fact with the file that says so, and what a person should check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

CHAIN = ("development", "staging", "production")
SHORT = {"development": "dev", "staging": "staging", "production": "prod"}
USUAL_BRANCHES = {
    "development": ("develop", "development", "dev"),
    "staging": (
        "staging",
        "stage",
        "preprod",
        "pre-prod",
        "preproduction",
        "recette",
        "uat",
        "qa",
        "release",
    ),
    "production": ("main", "master", "production", "prod", "trunk", "live"),
}


class Found(NamedTuple):
    """One fact.

    Args:
        source: the file that says so; "" where it is only usual.
        check: why a person should look at it before a release; "" where it is certain.
    """

    value: Any
    source: str = ""
    check: str = ""


class Advice(NamedTuple):
    """Something in the app that a release would fail on, and what to type."""

    message: str
    hint: str


NONE = Found(())
NO_TEXT = Found("")


@dataclass(frozen=True)
class AppFacts:
    """What an app's checkout tells.

    Args:
        settings: keys of `[app]` -> what was found.
        framework: its title; "" where none is known.
        branches: environment -> its branch on the remote; one that is not there is only usual.
        missing: the environments whose branch the remote lacks.
        public: the variables of the build.
        leaking: names with a public prefix that are secrets, with that prefix.
        foreign: names with a public prefix that another host sets.
        server: the other variables that the app's files name.
        database: whether it has migrations, or at least uses Supabase.
        tests: `unit` and `integration` -> the command of the app's own tests, where it has some.
        functions: the folder of the Edge Functions; nothing in it for none.
        types: the file of the types that `supabase gen types` wrote.
        sites: the public URL of an environment, where a file names it.
        advice: what a release would fail on.
    """

    name: Found
    remotes: tuple[str, ...] = ()
    settings: Mapping[str, Found] = field(default_factory=dict)
    framework: str = ""
    branches: Mapping[str, Found] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    public: Found = NONE
    leaking: Mapping[str, str] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    database: bool = False
    functions: Found = NONE
    tests: Mapping[str, Found] = field(default_factory=dict)
    types: Found = NO_TEXT
    sites: Mapping[str, Found] = field(default_factory=dict)
    advice: tuple[Advice, ...] = ()


def branches_of(names: tuple[str, ...], head: str = "") -> tuple[dict[str, Found], tuple[str, ...]]:
    """The branch of each environment among the remote's, and the environments that lack one.

    Args:
        head: the remote's own default branch; "" where that is unknown.
    """
    found: dict[str, Found] = {}
    for environment, usual in USUAL_BRANCHES.items():
        present = [branch for branch in usual if branch in names]
        if environment == "production" and head and head not in usual and not present:
            present = [head] if head not in USUAL_BRANCHES["development"] else []
        if environment == "production" and head in present:
            present = [head]
        others = " and ".join(f"`{branch}`" for branch in present)
        check = f"the remote has {others}" if len(present) > 1 else ""
        check = check if present or not names else "the remote has no such branch yet"
        source = "the remote" if present else ""
        found[environment] = Found(present[0] if present else usual[0], source, check)
    return found, tuple(name for name, each in found.items() if names and not each.source)
