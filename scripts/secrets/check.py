"""`env.check`: the mistakes that people make with configuration and secrets, before they ship."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.secrets import exposure, load, rules
from scripts.secrets import rules_between_environments as between
from scripts.secrets.classify import PublicNames
from scripts.secrets.finding import Finding, errors, sort_findings, without_allowed
from scripts.secrets.request import CheckRequest
from scripts.secrets.required import needed
from scripts.secrets.variables import CheckedEnvironment, Configured, EnvFile
from scripts.system.background import submit

Rule = Callable[[CheckedEnvironment], Iterator[Finding]]

OF_VALUES: tuple[Rule, ...] = (
    rules.lines, rules.twice, rules.missing, between.uneven, rules.placeholders,
    rules.public_names, rules.public_values, rules.key_kinds,
    between.instances, between.same_secret, between.other_environments, between.addresses,
    rules.reserved, rules.weak, rules.exposed,
)  # fmt: skip
# An example is committed and has no values: its names and its lines count.
OF_EXAMPLES: tuple[Rule, ...] = (
    rules.lines, rules.twice, rules.public_names, rules.reserved, rules.example_values,
)  # fmt: skip
# Of what a build reads beside the desk's own files only that counts which it may publish.
OF_BUILDS: tuple[Rule, ...] = (rules.lines, rules.public_names, rules.public_values)
RULES_OF: dict[str, tuple[Rule, ...]] = {
    "values": OF_VALUES,
    "example": OF_EXAMPLES,
    "build": OF_BUILDS,
    "tracked": (rules.exposed,),
}


def check_environments(desk: Desk, request: CheckRequest) -> Outcome:
    """Check one environment, or all that have values; and the app's sources."""
    target = desk.settings.environment(request.env) if request.env else None
    source = submit(load.grep_tracked, desk.git.folder, rules.SOURCE_PATTERNS, rules.SOURCE_SUFFIXES)
    findings, checked = run_rules(desk, target)
    names = ", ".join(environment.name for environment in checked)
    scope = names or "the examples alone: no environment has values here"
    return report(sort_findings([*findings, *rules.source_findings(source.result())]), scope)


def check_for_release(desk: Desk, environment: Environment) -> tuple[Finding, ...]:
    """The gate of a release: the rules over the target's values."""
    return run_rules(desk, environment)[0]


def report(findings: tuple[Finding, ...], scope: str) -> Outcome:
    """The findings as an outcome: errors fail, warnings are shown."""
    stopping = errors(findings)
    document: dict[str, Any] = {"findings": [finding.document() for finding in findings]}
    if not findings:
        return Outcome.done(f"nothing was found ({scope})", **document)
    count = f"{len(stopping)} error(s), {len(findings) - len(stopping)} warning(s) ({scope})"
    if stopping:
        return Outcome.failed(count, "`docs/env-rules.md` explains each rule", **document)
    return Outcome.done(count, **document)


def run_rules(
    desk: Desk, environment: Environment | None
) -> tuple[tuple[Finding, ...], tuple[Environment, ...]]:
    """Every finding about an environment, or about all that have values; and which were checked.

    The others of the chain are loaded to compare with.
    """
    files, public = load.load_all(desk), load.public_names(desk)
    with_values = (each for each in desk.settings if files[each.name].variables or files[each.name].faults)
    chosen = (environment,) if environment else tuple(with_values)
    own = [
        load.file_of(desk.config_folder, each.name, desk.settings.secrets.provider)
        for each in desk.settings
    ]
    more = [
        *load.load_examples(desk),
        *load.load_build_inputs(desk, public),
        *exposure.tracked_env_files(desk, public, own),
    ]
    checked = [
        *(checked_environment(desk, environment, files, public) for environment in chosen),
        *(_checked_build(desk, env_file, files, public) for env_file in more),
    ]
    found = without_allowed(findings_of(checked), desk.settings.secrets.allow, desk.now()[:10])
    return found, chosen


def checked_environment(
    desk: Desk, environment: Environment, files: Mapping[str, EnvFile], public: PublicNames
) -> CheckedEnvironment:
    """One environment, with everything that its rules look at."""
    chain = {each.name: Configured(each, files[each.name]) for each in desk.settings}
    own = chain.pop(environment.name)
    return CheckedEnvironment(
        own=own,
        others=tuple(chain.values()),
        public=public,
        needed=tuple(needed(desk, environment, own.file.value("DATABASE_URL"))),
        shared=desk.settings.secrets.shared,
        now=datetime.fromisoformat(desk.now()).timestamp(),
        first=environment.name == desk.settings.chain[0],
    )


def _checked_build(
    desk: Desk, env_file: EnvFile, files: Mapping[str, EnvFile], public: PublicNames
) -> CheckedEnvironment:
    """What a build reads besides, or an example: every environment is another one."""
    own = Configured(desk.settings.environments[env_file.environment], env_file)
    return CheckedEnvironment(
        own,
        tuple(Configured(environment, files[environment.name]) for environment in desk.settings),
        public,
    )


def findings_of(checked: Iterable[CheckedEnvironment]) -> tuple[Finding, ...]:
    """Every finding about these environments, errors first."""
    return sort_findings(
        finding for each in checked for rule in RULES_OF[each.file.kind] for finding in rule(each)
    )
