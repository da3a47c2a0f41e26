"""`env.check`: the mistakes that people make with configuration and secrets, before they ship."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import DRIVERS, Environment
from scripts.secrets import exposure, load, rules, rules_between_environments, source_lines
from scripts.secrets.finding import Finding, errors, in_order
from scripts.secrets.load import all_written, beside, examples, public
from scripts.secrets.request import CheckRequest
from scripts.secrets.variables import Case, Place, Public, Written, address, is_local
from scripts.system.background import submit


def check_environments(desk: Desk, request: CheckRequest) -> Outcome:
    """One environment, or all for which something was written."""
    target = desk.settings.environment(request.env) if request.env else None
    lines = submit(load.lines, desk.git.folder, source_lines.ASKED, source_lines.SUFFIXES)
    found, chosen = examine(desk, target)
    return reported(in_order([*found, *source_lines.findings(lines.result())]), about(chosen))


def about(chosen: tuple[Environment, ...]) -> str:
    """What was looked at, in words."""
    listed = ", ".join(each.name for each in chosen)
    return listed or "the examples alone: no environment has values here"


def reported(found: tuple[Finding, ...], what: str) -> Outcome:
    """The findings as an ending: errors stop, warnings are shown."""
    stopping = errors(found)
    document: dict[str, Any] = {"findings": [each.document() for each in found]}
    if not found:
        return Outcome.done(f"nothing was found ({what})", **document)
    stops, warnings = len(stopping), len(found) - len(stopping)
    count = f"{stops} error(s), {warnings} warning(s) ({what})"
    if stopping:
        return Outcome.failed(count, "`docs/env-rules.md` explains each rule", **document)
    return Outcome.done(count, **document)


# From what was written to findings: the gate of every release, and `env.check`.


def examine(
    desk: Desk, environment: Environment | None
) -> tuple[tuple[Finding, ...], tuple[Environment, ...]]:
    """Every finding about an environment, or about all that have values; and which were looked at.

    The others of the chain are looked at to compare.
    """
    known, shown = all_written(desk), public(desk)
    having = (each for each in desk.settings if known[each.name].variables or known[each.name].faults)
    chosen = (environment,) if environment else tuple(having)
    cases = [case_of(desk, each, known, shown) for each in chosen]
    more = [*examples(desk), *beside(desk, shown.prefixes)]
    return findings_of([*cases, *(_build_case(desk, each, known, shown) for each in more)]), chosen


def of_release(desk: Desk, environment: Environment) -> tuple[Finding, ...]:
    """What a release looks at: the rules over the target's values alone."""
    return examine(desk, environment)[0]


def case_of(desk: Desk, environment: Environment, known: Mapping[str, Written], shown: Public) -> Case:
    """One environment, with all that its rules look at."""
    places = {each.name: Place(each, known[each.name]) for each in desk.settings}
    written = known[environment.name]
    return Case(
        place=places[environment.name],
        others=tuple(place for name, place in places.items() if name != environment.name),
        public=shown,
        needed=tuple(_needed(desk, environment, written)),
        shared=desk.settings.secrets.shared,
        now=datetime.fromisoformat(desk.now()).timestamp(),
        first=environment.name == desk.settings.chain[0],
    )


def _build_case(desk: Desk, written: Written, known: Mapping[str, Written], shown: Public) -> Case:
    environment = desk.settings.environments[written.environment]
    others = tuple(Place(each, known[each.name]) for each in desk.settings)
    return Case(Place(environment, written), others, shown)


def _needed(desk: Desk, environment: Environment, written: Written) -> Iterator[tuple[str, str]]:
    """What a release of the environment can't do without."""
    for name in desk.settings.app.build_variables:
        yield name, "the build needs it (`app.build_variables`)"
    if environment.database and desk.settings.app.migrations:
        yield "DATABASE_URL", "migrations need it (`database = false` for an environment without one)"
        parts = address(written.value("DATABASE_URL"))
        if parts and not parts.password and not is_local(parts):
            yield "DATABASE_PASSWORD", "`DATABASE_URL` has no password"
    yield from DRIVERS[environment.publish].variables.items()


# `env.check`: every rule over every environment. Pure, and cheap: it runs before each release.


Rule = Callable[[Case], Iterator[Finding]]

OF_VALUES: tuple[Rule, ...] = (
    rules.lines, rules.twice, rules.missing, rules_between_environments.uneven, rules.placeholders,
    exposure.public_names, exposure.public_values, rules.key_kinds,
    rules_between_environments.instances, rules_between_environments.same_secret,
    rules_between_environments.other_environments, rules_between_environments.addresses,
    rules.reserved, rules.weak, rules.exposed,
)  # fmt: skip
# An example is committed and has no values: its names and its lines are what counts.
OF_EXAMPLES: tuple[Rule, ...] = (
    rules.lines, rules.twice, exposure.public_names, rules.reserved, rules.example_values,
)  # fmt: skip
# What a build reads beside the desk's own files: what it may publish is all that counts.
OF_BUILDS: tuple[Rule, ...] = (rules.lines, exposure.public_names, exposure.public_values)
RULES_OF: dict[str, tuple[Rule, ...]] = {"values": OF_VALUES, "example": OF_EXAMPLES, "build": OF_BUILDS}


def findings_of(cases: Iterable[Case]) -> tuple[Finding, ...]:
    """Every finding about these environments, errors first."""
    return in_order(finding for case in cases for finding in of_rule(case))


def of_rule(case: Case) -> Iterator[Finding]:
    """Every finding about one of them."""
    for rule in RULES_OF[case.written.kind]:
        yield from rule(case)
