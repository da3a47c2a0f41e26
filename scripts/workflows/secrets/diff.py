"""`env.diff`: what one environment has and the other has not, and what the hosts really have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scripts.adapters.secrets import hosted
from scripts.adapters.secrets.versioned import address
from scripts.domain.outcome import Outcome
from scripts.domain.secrets import places
from scripts.domain.secrets.case import Place
from scripts.domain.secrets.compare import Drift, github_drift, rows, supabase_drift
from scripts.domain.secrets.finding import Finding, in_order
from scripts.domain.secrets.variables import Public, Written
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, Refused
from scripts.shell.secret import Secret
from scripts.workflows.secrets.examine import case_of
from scripts.workflows.secrets.written import all_written, public
from scripts.workflows.toolbox import Toolbox

TWINS = (places.same_secret, places.instances, places.other_environments)


def run(tools: Toolbox, *, source: str, target: str) -> Outcome:
    """The two beside each other; differences are what is expected, so only mistakes make it fail."""
    pair = (tools.settings.environment(source), tools.settings.environment(target))
    if pair[0] is pair[1]:
        raise Refused(f"both are {pair[0].name}", "`invoke env.diff --from staging --to production`")
    known, shown = all_written(tools), public(tools)
    compared = rows(known[pair[0].name], known[pair[1].name], shown)
    found = in_order(_mistakes(tools, pair, known, shown))
    drift = [each for environment in pair for each in _hosted(tools, environment, known, shown)]
    data = {
        "from": pair[0].name,
        "to": pair[1].name,
        "variables": [each.document() for each in compared],
        "drift": [vars(each) for each in drift],
        "findings": [each.document() for each in found],
    }
    alone = sum(each.state.startswith("only") for each in compared)
    said = f"{pair[0].name} and {pair[1].name}: {alone} name(s) in one alone, {len(found)} mistake(s),"
    outcome = Outcome.failed if found else Outcome.done
    return outcome(f"{said} {len(drift)} drift(s) on the hosts", None, **data)


def _mistakes(
    tools: Toolbox, pair: tuple[Environment, Environment], known: dict[str, Written], shown: Public
) -> Iterator[Finding]:
    """The same secret in both, the wrong instance: the rules of `env.check` that compare, for these two."""
    for one, other in (pair, pair[::-1]):
        case = case_of(tools, one, known, shown)
        alone = replace(case, others=(Place(other, known[other.name]),))
        for rule in TWINS:
            yield from rule(alone)


def _hosted(
    tools: Toolbox, environment: Environment, known: dict[str, Written], shown: Public
) -> Iterator[Drift]:
    """What the hosts have, where a token is given; one that does not answer is said, and no drift."""
    written, secrets = known[environment.name], tools.settings.secrets
    values = tools.values(environment)
    project = Place(environment, written).project(shown)
    token = values.get("SUPABASE_ACCESS_TOKEN")
    github = values.get("GITHUB_TOKEN") or values.get("GH_TOKEN")
    repository = hosted.repository_of(address(tools.git.folder, tools.git.remote)) if github else None
    try:
        if token and project:
            found = hosted.supabase(secrets.supabase_api, project, Secret(token))
            yield from supabase_drift(written, shown, found)
        if github and repository:
            names = hosted.github(secrets.github_api, repository, environment.name, Secret(github))
            yield from github_drift(written, environment.name, names)
    except CommandFailed as fault:
        tools.progress.note(f"warning: {environment.name}: {fault.message}; its drift is not known")
