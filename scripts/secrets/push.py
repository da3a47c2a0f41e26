"""`env.push`: what the Edge Functions need goes to their project, and is read back by its digest."""

from __future__ import annotations

import re

from scripts.config import supabase_cli
from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, Refused
from scripts.secrets import edge_functions
from scripts.secrets.edge_functions import EdgeSecrets, digest
from scripts.secrets.request import PushRequest
from scripts.system.secret import Secret, remember

NAME = re.compile(r"(?!SUPABASE_|VITE_)[A-Z][A-Z0-9_]*")  # the CLI skips the first, browsers get the second


def push(desk: Desk, request: PushRequest) -> Outcome:
    """Send those that are not there yet, or differ; show names only."""
    environment = desk.settings.environment(request.env)
    values = _values(desk, environment)
    project = _project(desk, environment)
    there = project.digests()
    differing = {name: value for name, value in values.items() if there.get(name) != digest(value)}
    for name in values:
        state = "same" if name not in differing else "changed" if name in there else "new"
        desk.progress.note(f"{state:<8} {name}")
    sent = sorted(differing)
    if not sent:
        return Outcome.nothing(f"{environment.name} has all {len(values)} as they are here", sent=[])
    if request.plan:
        return Outcome.done("nothing was changed: this is what would be sent", sent=sent)
    if environment.guarded:
        require_consent(desk.progress, environment.name, yes=request.yes, unchanged="nothing was sent")
    project.set(differing)
    there = project.digests()
    if lost := [name for name in sent if there.get(name) != digest(values[name])]:
        names = ", ".join(f"`{name}`" for name in lost)
        raise CommandFailed(
            f"the CLI reported success, but {names} did not arrive", "try again, or the dashboard"
        )
    return Outcome.done(
        f"{len(sent)} secrets sent to {environment.name}, and read back by digest", sent=sent
    )


def _values(desk: Desk, environment: Environment) -> dict[str, str]:
    names, values = desk.settings.supabase.secrets, desk.values(environment)
    if not names:
        hint = 'name them: `[supabase] secrets = ["OPENAI_API_KEY"]` in `pipeline.toml`'
        raise Refused("no variable is named for the Edge Functions", hint)
    odd = ", ".join(f"`{name}`" for name in names if not NAME.fullmatch(name))
    if odd:
        raise Refused(
            f"an Edge Function can't be given {odd}", "see `[supabase] secrets` in `pipeline.toml`"
        )
    missing = ", ".join(f"`{name}`" for name in names if not values.get(name))
    if missing:
        raise Refused(
            f"{environment.name} has no value for {missing}", f"set it in `.env.{environment.name}`"
        )
    for name in names:
        remember(values[name])
    return {name: values[name] for name in names}


def _project(desk: Desk, environment: Environment) -> EdgeSecrets:
    values = desk.values(environment)
    ref = edge_functions.project_of(values.get("VITE_SUPABASE_URL", ""))
    if ref is None:
        raise Refused(
            f"`VITE_SUPABASE_URL` of {environment.name} names no hosted project",
            "it looks like `https://<20 letters>.supabase.co`",
        )
    token = values.get("SUPABASE_ACCESS_TOKEN", "")
    if not re.fullmatch(r"sbp_(oauth_|v0_)?[0-9a-f]{40}", token):
        raise Refused(
            f"`SUPABASE_ACCESS_TOKEN` of {environment.name} is missing, or is none",
            "make one at https://supabase.com/dashboard/account/tokens",
        )
    return EdgeSecrets(supabase_cli.find(desk.git.folder, desk.settings.supabase.cli), ref, Secret(token))
