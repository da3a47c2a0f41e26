"""A slot as a place to work in: its environment, its driver, and the variables that count there."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from scripts.config.desk import Desk
from scripts.config.preview_settings import FAMILY
from scripts.config.settings import Environment
from scripts.config.slots import environment_name, environment_of
from scripts.errors import DeskError, Refused
from scripts.replit.driver import Driver
from scripts.replit.drivers import driver_of

HINT = "name a Replit app for previews: `[preview.slots.<name>]` in `env/pipeline.toml`"


@dataclass(frozen=True)
class Place:
    """One slot.

    Args:
        desk: whose `values` of the slot's environment are those of `.env.preview`; one that begins with the
            slot's name (`ONE_VITE_SITE_URL`) counts for that slot alone.
    """

    slot: str
    environment: Environment
    desk: Desk

    @property
    def driver(self) -> Driver:
        """Builds and publishes there."""
        return driver_of(self.desk, self.environment)

    @property
    def values(self) -> Mapping[str, str]:
        """The variables that count there."""
        return self.desk.values(self.environment)

    def given(self, more: Mapping[str, str]) -> Place:
        """The same place with more variables."""
        known = self.values
        return replace(self, desk=_with_values(self.desk, self.environment, {**known, **more}))


def places(desk: Desk) -> dict[str, Place]:
    """Every slot of `[preview.slots]`, by its name.

    Raises:
        Refused: there is none.
    """
    if not desk.settings.preview.slots:
        raise Refused("no slot for previews is configured", HINT)
    return {name: place_of(desk, name) for name in desk.settings.preview.slots}


def place_of(desk: Desk, slot: str) -> Place:
    """One slot of `[preview.slots]`."""
    environment = environment_of(slot, desk.settings.preview.slots[slot])
    return Place(slot, environment, replace(desk, values=_Values(desk, environment, slot)))


class _Values:
    """The variables of an environment, read when they are asked for."""

    def __init__(self, desk: Desk, own: Environment, slot: str) -> None:
        self._desk, self._own = desk, own
        self._prefix = f"{slot.upper().replace('-', '_')}_"

    def __call__(self, environment: Environment) -> Mapping[str, str]:
        if environment.name != self._own.name:
            return self._desk.values(environment)
        shared = self._desk.values(environment._replace(name=FAMILY))
        own = {name.removeprefix(self._prefix): value for name, value in shared.items()
               if name.startswith(self._prefix)}  # fmt: skip
        return {**shared, **own}


def _with_values(desk: Desk, own: Environment, values: Mapping[str, str]) -> Desk:
    before = desk.values
    return replace(desk, values=lambda each: values if each.name == own.name else before(each))


W = TypeVar("W", bound=Callable[..., object])
OWN_FILE = re.compile(rf"\.env\.{FAMILY}-[a-z0-9-]+")
OWN_NAME = re.compile(rf"--env {FAMILY}-[a-z0-9-]+")


def for_people(work: W) -> W:
    """The work, whose errors name files and environments that exist: a slot is in no chain."""

    @functools.wraps(work)
    def worded(desk: Desk, request: object) -> object:
        try:
            return work(desk, request)
        except DeskError as fault:
            first = f"--env {desk.settings.chain[0]}"
            words = (OWN_NAME.sub(first, OWN_FILE.sub(f".env.{FAMILY}", text)) for text in
                     (fault.message, fault.hint or ""))  # fmt: skip
            fault.message, hint = words
            fault.hint = hint or None
            raise

    return cast("W", worded)


def lock_name(slot: str) -> str:
    """The environment under whose name the slot's lock is."""
    return environment_name(slot)
