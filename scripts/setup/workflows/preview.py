# pure
"""`preview.yml`: a pull request's branch is shown while it is open; what is over ends at night."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from scripts.config.preview_settings import FAMILY
from scripts.config.variables import name_in_ci
from scripts.setup.workflows.check import RUNNER, one_at_a_time
from scripts.setup.workflows.place import TOKEN, Place, preview_value
from scripts.setup.workflows.releases import ssh_step

NIGHT = "37 3 * * *"
OWN = "github.event.pull_request.head.repo.full_name == github.repository"
PULL = f"github.event_name == 'pull_request' && {OWN}"  # a fork's job would have no secret


def preview(place: Place) -> dict[str, object] | None:
    """Up, down and the nightly sweep; None without a slot."""
    settings = place.settings
    if not settings.preview.slots:
        return None
    first = next(iter(settings))
    branch = {"BRANCH": "${{ github.head_ref }}"}
    skips = (
        f'case "$BRANCH" in {shlex.quote(settings.preview.branches)}*) ;; *) exit 0 ;; esac\n'
        if settings.preview.branches
        else ""
    )
    jobs = {
        "preview-up": _job(
            place,
            f"{PULL} && github.event.action != 'closed'",
            ("show the branch", skips, 'preview.up --branch "$BRANCH" --wait', branch),
        ),
        "preview-down": _job(
            place,
            f"{PULL} && github.event.action == 'closed'",
            ("end its preview", skips, 'preview.down --branch "$BRANCH" --reason "closed" --wait', branch),
        ),
        "preview-sweep": _job(
            place,
            "github.event_name != 'pull_request'",
            ("end what is over", "", "preview.sweep", {}),
        ),
    }
    types = ["opened", "synchronize", "reopened", "closed"]
    on = {
        "pull_request": {"branches": [first.branch], "types": types},
        "schedule": [{"cron": NIGHT}],
        "workflow_dispatch": None,
    }
    return {"name": "preview", "on": on, "permissions": {}, "jobs": jobs}


def _job(place: Place, condition: str, call: tuple[str, str, str, dict[str, str]]) -> dict[str, object]:
    """A job with the secrets of previews alone; desk and configuration are those of the base."""
    name, before, command, typed = call
    app, *others = place.checkout()
    given = app["with"]
    base = (
        {**given, "ref": "${{ github.base_ref || github.ref_name }}"} if isinstance(given, dict) else given
    )
    return {
        "if": condition,
        "runs-on": RUNNER,
        "timeout-minutes": 60,
        "environment": FAMILY,
        "concurrency": one_at_a_time("preview-${{ github.head_ref || 'sweep' }}"),
        "permissions": {"contents": "write", "pull-requests": "write"},
        "steps": [
            {**app, "with": base},
            *others,
            *place.supabase(),
            ssh_step(),
            place.desk_step(name, command, {**dict(_values(place)), **typed}, before),
        ],
    }


def _values(place: Place) -> Iterator[tuple[str, str]]:
    """The values of previews, those of one slot after its name; and the first environment's chat."""
    settings = place.settings
    slots = settings.preview.slots
    names = [*settings.app.build_variables]
    if settings.preview.database == "server" and settings.app.migrations:
        names += ["DATABASE_URL", "DATABASE_PASSWORD"]
    if settings.preview.database == "supabase":
        names += ["SUPABASE_ACCESS_TOKEN", "SUPABASE_PROJECT_ID"]
    if any(slot.publish == "mcp" for slot in slots.values()):
        names.append("REPLIT_MCP_TOKEN")
    for slot, each in slots.items():
        own = [*settings.app.build_variables, *(["REPLIT_ACCESS_TOKEN"] if each.header else [])]
        own += ["LAUNCHER_TOKEN"] if each.publish == "launcher" else []
        names += [name_in_ci(slot, name) for name in own]
    for name in names:
        yield name_in_ci(FAMILY, name), preview_value(settings, name)
    first = next(iter(settings)).name
    for name in ("SLACK_WEBHOOK_URL", "DISCORD_WEBHOOK_URL"):
        yield name_in_ci(first, name), f"${{{{ secrets.{name} }}}}"
    yield "GITHUB_TOKEN", TOKEN
