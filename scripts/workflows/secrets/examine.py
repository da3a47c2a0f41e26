"""From what was written to findings: the gate of every release, and `env.check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from scripts.domain.secrets.case import Case, Place
from scripts.domain.secrets.check import check
from scripts.domain.secrets.finding import Finding
from scripts.domain.secrets.variables import Public, Written, address, is_local
from scripts.domain.settings import Environment
from scripts.workflows.secrets.written import all_written, beside, examples, public
from scripts.workflows.toolbox import Toolbox


def examine(
    tools: Toolbox, environment: Environment | None
) -> tuple[tuple[Finding, ...], tuple[Environment, ...]]:
    """Every finding about an environment, or about all that have values; and which were looked at.

    The others of the chain are looked at to compare.
    """
    known, shown = all_written(tools), public(tools)
    having = (each for each in tools.settings if known[each.name].variables or known[each.name].faults)
    chosen = (environment,) if environment else tuple(having)
    cases = [case_of(tools, each, known, shown) for each in chosen]
    more = [*examples(tools), *beside(tools, shown.prefixes)]
    return check([*cases, *(_build_case(tools, each, known, shown) for each in more)]), chosen


def of_release(
    tools: Toolbox, environment: Environment, back: str | None, resumed: str | None
) -> tuple[Finding, ...]:
    """The gate of a release; going back, or finishing what was begun, is not held up by it."""
    return () if back is not None or resumed else examine(tools, environment)[0]


def case_of(tools: Toolbox, environment: Environment, known: Mapping[str, Written], shown: Public) -> Case:
    """One environment, with all that its rules look at."""
    places = {each.name: Place(each, known[each.name]) for each in tools.settings}
    written = known[environment.name]
    return Case(
        place=places[environment.name],
        others=tuple(place for name, place in places.items() if name != environment.name),
        public=shown,
        needed=tuple(_needed(tools, environment, written)),
        shared=tools.settings.secrets.shared,
        now=datetime.fromisoformat(tools.now()).timestamp(),
        first=environment.name == tools.settings.chain[0],
    )


def _build_case(tools: Toolbox, written: Written, known: Mapping[str, Written], shown: Public) -> Case:
    environment = tools.settings.environments[written.environment]
    others = tuple(Place(each, known[each.name]) for each in tools.settings)
    return Case(Place(environment, written), others, shown)


def _needed(tools: Toolbox, environment: Environment, written: Written) -> Iterator[tuple[str, str]]:
    """What a release of the environment can't do without."""
    for name in tools.settings.app.build_variables:
        yield name, "the build needs it (`app.build_variables`)"
    if environment.database and tools.settings.app.migrations:
        yield "DATABASE_URL", "migrations need it (`database = false` for an environment without one)"
        parts = address(written.value("DATABASE_URL"))
        if parts and not parts.password and not is_local(parts):
            yield "DATABASE_PASSWORD", "`DATABASE_URL` has no password"
    if environment.publish == "mcp":
        yield "REPLIT_MCP_TOKEN", "Replit's Publish asks for it"
