"""`env.diff`: what one environment has and the other has not, and what the hosts really have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, Refused
from scripts.secrets import hosted, rules_between_environments
from scripts.secrets.check import case_of
from scripts.secrets.compare import Drift, github_drift, rows, supabase_drift
from scripts.secrets.finding import Finding, in_order
from scripts.secrets.load import address, all_written, public
from scripts.secrets.request import DiffRequest
from scripts.secrets.variables import Place, Public, Written
from scripts.system.secret import Secret

TWINS = (
    rules_between_environments.same_secret,
    rules_between_environments.instances,
    rules_between_environments.other_environments,
)


def diff(desk: Desk, request: DiffRequest) -> Outcome:
    """The two beside each other; differences are what is expected, so only mistakes make it fail."""
    pair = (desk.settings.environment(request.from_), desk.settings.environment(request.to))
    if pair[0] is pair[1]:
        raise Refused(f"both are {pair[0].name}", "`invoke env.diff --from staging --to production`")
    known, shown = all_written(desk), public(desk)
    compared = rows(known[pair[0].name], known[pair[1].name], shown)
    found = in_order(_mistakes(desk, pair, known, shown))
    drift = [each for environment in pair for each in _hosted(desk, environment, known, shown)]
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
    desk: Desk, pair: tuple[Environment, Environment], known: dict[str, Written], shown: Public
) -> Iterator[Finding]:
    """The same secret in both, the wrong instance: the rules of `env.check` that compare, for these two."""
    for one, other in (pair, pair[::-1]):
        case = case_of(desk, one, known, shown)
        alone = replace(case, others=(Place(other, known[other.name]),))
        for rule in TWINS:
            yield from rule(alone)


def _hosted(
    desk: Desk, environment: Environment, known: dict[str, Written], shown: Public
) -> Iterator[Drift]:
    """What the hosts have, where a token is given; one that does not answer is said, and no drift."""
    written, secrets = known[environment.name], desk.settings.secrets
    values = desk.values(environment)
    project = Place(environment, written).project(shown)
    token = values.get("SUPABASE_ACCESS_TOKEN")
    github = values.get("GITHUB_TOKEN") or values.get("GH_TOKEN")
    repository = hosted.repository_of(address(desk.git.folder, desk.git.remote)) if github else None
    try:
        if token and project:
            found = hosted.supabase(secrets.supabase_api, project, Secret(token))
            yield from supabase_drift(written, shown, found)
        if github and repository:
            names = hosted.github(secrets.github_api, repository, environment.name, Secret(github))
            yield from github_drift(written, environment.name, names)
    except CommandFailed as fault:
        desk.progress.note(f"warning: {environment.name}: {fault.message}; its drift is not known")
