"""`env.push`: what the Edge Functions need goes to their project, and is read back by its digest."""

from __future__ import annotations

import re

from scripts.adapters.database import edge_secrets, supabase
from scripts.adapters.database.edge_secrets import EdgeSecrets, digest
from scripts.domain.outcome import Outcome
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, Declined, Refused
from scripts.shell.secret import Secret, remember
from scripts.workflows.toolbox import Toolbox

NAME = re.compile(r"(?!SUPABASE_|VITE_)[A-Z][A-Z0-9_]*")  # the CLI skips the first, browsers get the second


def run(tools: Toolbox, *, env: str, plan: bool, yes: bool) -> Outcome:
    """Send those that are not there yet, or differ; show names only."""
    environment = tools.settings.environment(env)
    values = _values(tools, environment)
    project = _project(tools, environment)
    there = project.digests()
    differing = {name: value for name, value in values.items() if there.get(name) != digest(value)}
    for name in values:
        state = "same" if name not in differing else "changed" if name in there else "new"
        tools.progress.note(f"{state:<8} {name}")
    sent = sorted(differing)
    if not sent:
        return Outcome.nothing(f"{environment.name} has all {len(values)} as they are here", sent=[])
    if plan:
        return Outcome.done("nothing was changed: this is what would be sent", sent=sent)
    if environment.guarded and not (yes or tools.progress.confirm(environment.name)):
        raise Declined("nothing was sent", "type the environment's name, or say `--yes`")
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


def _values(tools: Toolbox, environment: Environment) -> dict[str, str]:
    names, values = tools.settings.supabase.secrets, tools.values(environment)
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


def _project(tools: Toolbox, environment: Environment) -> EdgeSecrets:
    values = tools.values(environment)
    ref = edge_secrets.project_of(values.get("VITE_SUPABASE_URL", ""))
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
    return EdgeSecrets(supabase.find(tools.git.folder, tools.settings.supabase.cli), ref, Secret(token))
