"""`env.check`: every rule over every environment. Pure, and cheap: it runs before each release."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from scripts.domain.secrets import exposure, places, rules
from scripts.domain.secrets.case import Case
from scripts.domain.secrets.finding import Finding, in_order

Rule = Callable[[Case], Iterator[Finding]]

OF_VALUES: tuple[Rule, ...] = (
    rules.lines, rules.twice, rules.missing, places.uneven, rules.placeholders,
    exposure.public_names, exposure.public_values, rules.key_kinds,
    places.instances, places.same_secret, places.other_environments, places.addresses,
    rules.reserved, rules.weak, rules.exposed,
)  # fmt: skip
# An example is committed and has no values: its names and its lines are what counts.
OF_EXAMPLES: tuple[Rule, ...] = (
    rules.lines, rules.twice, exposure.public_names, rules.reserved, rules.example_values,
)  # fmt: skip
# What a build reads beside the desk's own files: what it may publish is all that counts.
OF_BUILDS: tuple[Rule, ...] = (rules.lines, exposure.public_names, exposure.public_values)
RULES_OF: dict[str, tuple[Rule, ...]] = {"values": OF_VALUES, "example": OF_EXAMPLES, "build": OF_BUILDS}


def check(cases: Iterable[Case]) -> tuple[Finding, ...]:
    """Every finding about these environments, errors first."""
    return in_order(finding for case in cases for finding in of(case))


def of(case: Case) -> Iterator[Finding]:
    """Every finding about one of them."""
    for rule in RULES_OF[case.written.kind]:
        yield from rule(case)
