"""`doctor`, on this machine: programs, versions, files."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from scripts import DESK, RELEASED
from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.errors import ConfigError
from scripts.git.command import committable_files, git_command
from scripts.secrets.exposure import past_env_files
from scripts.setup import health, programs, vendor
from scripts.setup.health import Finding
from scripts.state.desk_version import how_to_upgrade
from scripts.system import confinement, network, proxies, temporary
from scripts.system.process import attempt

MIGRATIONS = ":(glob)**/supabase/migrations/*_*.sql"
TIMEOUT = 10.0  # seconds for one question to git
SWEEP_TIMEOUT = 5.0  # seconds in which what was left must be removed


def check_programs(desk: Desk) -> Iterator[Finding]:
    """Check Python, git and ssh, which every release needs, and node, for the sandbox and local builds."""
    yield health.desk_age(vendor.version(DESK), RELEASED, desk.now(), how_to_upgrade())
    yield health.program(
        "python", sys.version_info[:3], health.OLDEST_PYTHON, "install Python 3.11 or newer"
    )
    git_hint = "install git 2.38 or newer: https://git-scm.com/downloads"
    yield health.program("git", programs.version("git"), health.OLDEST_GIT, git_hint)
    ssh = programs.version("ssh", "-V")
    yield health.program("ssh", ssh, (7,), "`apt-get install openssh-client`")
    node = programs.version("node")
    if node is None:
        hint = "install node 20 or newer if you build or test the app on this machine"
        yield health.warning("node", "`node` is not installed", hint)
    else:
        yield health.program("node", node, health.OLDEST_NODE, "install node 20 or newer")


def check_supabase_cli(desk: Desk) -> Iterator[Finding]:
    """Check that the CLI that `migrate` calls is pinned in the app and installed in that version."""
    settings = desk.settings
    if not settings.app.migrations or settings.supabase.cli:
        return
    packages = [programs.document(folder / "package.json") for folder in (desk.app_folder, desk.git.folder)]
    versions = [version for package in packages if (version := programs.pinned_cli(package))]
    folder = desk.app_folder if versions[:1] == [programs.pinned_cli(packages[0])] else desk.git.folder
    command = supabase_cli.install_command(desk.app_folder)
    yield health.supabase_cli(next(iter(versions), None), programs.installed_cli(folder), command)


def check_migrations(desk: Desk) -> Iterator[Finding]:
    """Check that no migration of the app lies where no release looks for it."""
    wanted = desk.settings.app.migrations.strip("/")
    tracked = attempt(git_command(desk.git.folder, ("ls-files", "-z", "--", MIGRATIONS), TIMEOUT)).text
    others = {path.rpartition("/")[0] for path in tracked.split("\0") if path} - {wanted}
    for folder in sorted(others):
        hint = f'`migrations = "{folder}"` in `[app]` of `pipeline.toml`, if these are this app\'s'
        yield health.warning("migrations", f"`{folder}` has migrations that no release applies", hint)


def check_leftovers(_desk: Desk) -> Iterator[Finding]:
    """Name what killed runs left on this machine and could not be removed as this task began."""
    deadline = time.monotonic() + SWEEP_TIMEOUT
    while (left := temporary.abandoned()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for path in left:
        hint = f"see who works in it, `fuser -v {path}`; then `rm -rf {path}`"
        yield health.warning("leftovers", f"`{path}` is left by a run that was killed", hint)
    if not left:
        yield health.ok("leftovers", "no killed run has left a scratch server or a folder here")


def check_network(_desk: Desk) -> Iterator[Finding]:
    """Check the certificates and the proxies that variables of this machine name: each proxy is tried."""
    counts, named = network.check_certificates(), network.named_certificates()
    for path in sorted({*named.values()}):
        names = [name for name in counts if named[name] == path]
        listed = ", ".join(f"`{name}`" for name in names)
        yield health.ok(
            "network", f"{listed}: {counts[names[0]]} certificates of `{path}`, for all programs"
        )
    for proxy in sorted({*proxies.proxies().values()}):
        try:
            yield health.ok("network", f"{proxies.try_proxy(proxy)} takes connections")
        except ConfigError as fault:
            yield health.error("network", fault.message, fault.hint or "")
    if not counts and not proxies.proxies():
        yield health.ok("network", "no variable names certificates or a proxy")


def check_confinement(_desk: Desk) -> Iterator[Finding]:
    """Say as whom the journeys and the load of a commit run on this machine."""
    why = confinement.why_not()
    if not why:
        yield health.ok("confinement", "journeys and load tests run as a user without rights")
        return
    yield health.warning(
        "confinement",
        f"journeys and load tests run as this user ({why}): they could read the `.env` files here",
        "run them on a machine, or in a CI job, that has no values of production",
    )


def check_files(desk: Desk) -> Iterator[Finding]:
    """Check that files with secrets are private and not in git, and that nobody else can write ours."""
    folder = desk.config_folder
    tracked, untracked = committable_files(folder, ".env*")
    for environment in desk.settings:
        name = f".env.{environment.name}"
        bits = programs.mode(folder / name)
        if bits is not None:
            yield health.file_mode(str(folder / name), bits)
        if name in tracked:
            hint = f"`git rm --cached {name}`, add `.env.*` to `.gitignore`, and replace every secret in it"
            yield health.error("files", f"`{name}` is committed, and stays in git's history", hint)
        elif name in untracked:
            hint = "add `.env`, `.env.*` and `!.env.*.example` to `.gitignore`"
            yield health.error("files", f"`{name}` is not git-ignored: the next `git add` adds it", hint)
    for file in (folder / "pipeline.toml", folder):
        bits = programs.mode(file) or 0
        if bits & 0o022:
            hint = f"`chmod go-w {file}`"
            yield health.error("files", f"others can write to `{file}` ({bits:04o})", hint)
    if (bits := programs.mode(desk.state_folder)) is not None and bits & 0o022:
        hint = f"`chmod 700 {desk.state_folder}`"
        yield health.warning("files", f"others can write to `{desk.state_folder}`", hint)


def check_history(desk: Desk) -> Iterator[Finding]:
    """Check that no commit ever held a `.env` file; those that did are named once, here."""
    past = past_env_files(desk)
    if past:
        more = f" and {len(past) - 5} more" if len(past) > 5 else ""
        named = ", ".join(f"`{name}`" for name in past[:5]) + more
        hint = "replace every secret that stood in them: whoever has a clone has them"
        yield health.warning("history", f"git's history holds {named}", hint)
