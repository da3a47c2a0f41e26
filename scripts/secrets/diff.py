"""`env.diff`: what one environment has and the other lacks, and what the hosts really have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.config.variables import is_desk_only
from scripts.errors import CommandFailed, Refused
from scripts.git.command import remote_urls
from scripts.github.client import Github
from scripts.github.remote import first_repository
from scripts.secrets import rules_between_environments as between
from scripts.secrets.check import checked_environment
from scripts.secrets.classify import PublicNames
from scripts.secrets.finding import Finding, sort_findings
from scripts.secrets.load import load_all, public_names
from scripts.secrets.request import DiffRequest
from scripts.secrets.supabase import ProjectSecrets
from scripts.secrets.variables import Configured, EnvFile, digest
from scripts.system.secret import Secret

RULES = (between.same_secret, between.instances, between.other_environments)
SHOWN = 12  # hex digits of a digest that are shown: enough to compare, too few to search for the value
# Variables that programs of the desk read, beside its own: no host of the app has them.
TOOLS = re.compile(r"AWS_.*")


@dataclass(frozen=True)
class Row:
    """One name, with the digests of its two values, "" where it has none."""

    name: str
    left: str
    right: str
    public: bool

    @property
    def state(self) -> str:
        """How the two compare: "only here", "only there", "same" or "different"."""
        return _state(self.left, self.right)

    def document(self) -> dict[str, Any]:
        """The row as it stands in the JSON document."""
        return {
            "name": self.name, "state": self.state, "public": self.public,
            "from": self.left[:SHOWN] or None, "to": self.right[:SHOWN] or None,
        }  # fmt: skip


@dataclass(frozen=True)
class Drift:
    """One name whose state on a host differs from what is written."""

    host: str
    environment: str
    name: str
    state: str


def diff(desk: Desk, request: DiffRequest) -> Outcome:
    """Compare the two. Differences are expected, so only mistakes make it fail."""
    left, right = (desk.settings.environment(name) for name in (request.from_, request.to))
    if left is right:
        others = [each.name for each in desk.settings if each is not left]
        way = (
            f"`invoke env.diff --from {left.name} --to {others[0]}`" if others else "the chain has no other"
        )
        raise Refused(f"`--from` and `--to` are both {left.name}", way)
    files, public = load_all(desk), public_names(desk)
    rows = compare(files[left.name], files[right.name], public)
    findings = sort_findings(
        [*_mistakes(desk, left, right, files, public), *_mistakes(desk, right, left, files, public)]
    )
    drift = [each for one in (left, right) for each in _drift(desk, one, files[one.name], public)]
    data = {
        "from": left.name,
        "to": right.name,
        "variables": [row.document() for row in rows],
        "drift": [vars(each) for each in drift],
        "findings": [finding.document() for finding in findings],
    }
    alone = sum(row.state.startswith("only") for row in rows)
    counts = f"{alone} name(s) in one alone, {len(findings)} mistake(s), {len(drift)} drift(s) on the hosts"
    outcome = Outcome.failed if findings else Outcome.done
    return outcome(f"{left.name} and {right.name}: {counts}", None, **data)


def _mistakes(
    desk: Desk, one: Environment, other: Environment, files: Mapping[str, EnvFile], public: PublicNames
) -> Iterator[Finding]:
    """The rules of `env.check` that compare, for these two: the same secret, the wrong instance."""
    checked = checked_environment(desk, one, files, public)
    pair = replace(checked, others=(Configured(other, files[other.name]),))
    for rule in RULES:
        yield from rule(pair)


def _drift(desk: Desk, environment: Environment, env_file: EnvFile, public: PublicNames) -> Iterator[Drift]:
    """What the hosts have, where there is a token; a host without an answer is a warning, and no drift."""
    secrets, values = desk.settings.secrets, desk.values(environment)
    project = Configured(environment, env_file).project(public)
    supabase_token = values.get("SUPABASE_ACCESS_TOKEN")
    github_token = values.get("GITHUB_TOKEN") or values.get("GH_TOKEN")
    try:
        if supabase_token and project:
            at_supabase = ProjectSecrets(project, Secret(supabase_token), secrets.supabase_api)
            yield from supabase_drift(env_file, public, at_supabase.digests())
        urls = remote_urls(desk.git.folder, desk.git.remote) if github_token else []
        repository = desk.settings.github.repository or first_repository(urls, secrets.github_api)
        if github_token and repository:
            github = Github(repository, Secret(github_token), secrets.github_api)
            names = github.environment_secrets(environment.name)
            yield from github_drift(env_file, names)
    except CommandFailed as fault:
        desk.progress.note(f"warning: {environment.name}: {fault.message}; its drift is not known")


def compare(left: EnvFile, right: EnvFile, public: PublicNames) -> tuple[Row, ...]:
    """Every name of the two, in alphabetical order."""
    names = sorted({variable.name for variable in (*left.variables, *right.variables)})
    return tuple(
        Row(name, digest(left.value(name)), digest(right.value(name)), public.prefix(name) is not None)
        for name in names
    )


def supabase_drift(env_file: EnvFile, public: PublicNames, digests: Mapping[str, str]) -> tuple[Drift, ...]:
    """The secrets of the project's Edge Functions, by digest, beside what is written for the server."""
    written = {
        variable.name: digest(variable.value)
        for variable in env_file.effective.values()
        if _is_for_server(variable.name, public)
    }
    hosted = {name: value for name, value in digests.items() if not name.startswith("SUPABASE_")}
    return tuple(
        Drift("Supabase", env_file.environment, name, state)
        for name in sorted({*written, *hosted})
        if (state := _state(written.get(name, ""), hosted.get(name, ""))) != "same"
    )


def github_drift(env_file: EnvFile, names: Sequence[str]) -> tuple[Drift, ...]:
    """The secrets of the GitHub environment, by name: GitHub never gives their values."""
    written = {variable.name for variable in env_file.effective.values() if variable.value}
    return tuple(
        Drift("GitHub", env_file.environment, name, "only there" if name not in written else "only here")
        for name in sorted(written.symmetric_difference(names))
    )


def _is_for_server(name: str, public: PublicNames) -> bool:
    others = is_desk_only(name) or TOOLS.fullmatch(name) or name.startswith("SUPABASE_")
    return public.prefix(name) is None and not others


def _state(left: str, right: str) -> str:
    if not (left and right):
        return "only here" if left else "only there"
    return "same" if left == right else "different"
