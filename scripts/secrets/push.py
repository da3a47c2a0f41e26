"""`env.push`: what the Edge Functions need goes to their project, and is read back by its digest."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scripts.config import supabase_cli
from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, CommandTimedOut, DeskError, Refused
from scripts.secrets.project import access
from scripts.secrets.request import PushRequest
from scripts.secrets.supabase import ProjectSecrets, lines
from scripts.secrets.variables import digest
from scripts.system.secret import remember

NAME = re.compile(r"(?!SUPABASE_|VITE_)[A-Z][A-Z0-9_]*")  # the CLI skips the first, browsers get the second


def push(desk: Desk, request: PushRequest) -> Outcome:
    """Send the variables that the project lacks, or has with another value; only names are shown."""
    environment = desk.settings.environment(request.env)
    values = _values(desk, environment)
    project = ProjectSecrets(*access(desk, environment, "`edge_functions_secrets_write`"))
    cli = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    present = project.digests()
    differing = {name: value for name, value in values.items() if present.get(name) != digest(value)}
    for name in values:
        state = "same" if name not in differing else "changed" if name in present else "new"
        desk.progress.show([f"{state:<8} {name}"])
    lines(differing)  # what can't be sent is refused in the plan already
    sent = sorted(differing)
    if not sent:
        return Outcome.nothing(f"{environment.name} has all {len(values)} as they are here", sent=[])
    if request.plan:
        return Outcome.done("nothing was changed: this is what would be sent", sent=sent)
    if environment.guarded:
        require_consent(desk.progress, environment, yes=request.yes, unchanged="nothing was sent")
    try:
        project.set(cli, differing)
    except (CommandFailed, CommandTimedOut) as fault:
        raise CommandFailed(f"{fault.message}\n{_arrived(project, differing)}", fault.hint) from None
    present = project.digests()
    if lost := [name for name in sent if present.get(name) != digest(values[name])]:
        names = ", ".join(f"`{name}`" for name in lost)
        raise CommandFailed(
            f"the CLI reported success, but {names} did not arrive", "try again, or the dashboard"
        )
    return Outcome.done(
        f"{len(sent)} secrets sent to {environment.name}, and read back by digest", sent=sent
    )


def _arrived(project: ProjectSecrets, sent: Mapping[str, str]) -> str:
    """After a failure: what the project has of it."""
    try:
        present = project.digests()
    except DeskError as fault:
        return f"what arrived is not known: {fault.message}"
    there = [name for name in sorted(sent) if present.get(name) == digest(sent[name])]
    if not there:
        return "nothing of it arrived"
    missing = [f"`{name}`" for name in sorted(sent) if name not in there]
    arrived = ", ".join(f"`{name}`" for name in there)
    return f"{arrived} arrived" + (f"; {', '.join(missing)} did not" if missing else "")


def _values(desk: Desk, environment: Environment) -> dict[str, str]:
    """The values of `[supabase] secrets`, masked from now on.

    Raises:
        Refused: none is named, one can't be sent, or has no value.
    """
    names, values = desk.settings.supabase.secrets, desk.values(environment)
    if not names:
        hint = 'name them: `[supabase] secrets = ["OPENAI_API_KEY"]` in `pipeline.toml`'
        raise Refused("no variable is named for the Edge Functions", hint)
    unfit = ", ".join(f"`{name}`" for name in names if not NAME.fullmatch(name))
    if unfit:
        raise Refused(
            f"an Edge Function can't be given {unfit}", "see `[supabase] secrets` in `pipeline.toml`"
        )
    missing = ", ".join(f"`{name}`" for name in names if not values.get(name))
    if missing:
        raise Refused(
            f"{environment.name} has no value for {missing}", f"set it in `.env.{environment.name}`"
        )
    for name in names:
        remember(values[name])
    return {name: values[name] for name in names}
