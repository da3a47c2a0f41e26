"""Wire up settings, git, clock and signals for a workflow; the one place that catches exceptions."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NoReturn, TypeVar

from scripts import DESK
from scripts.config import env_files
from scripts.config.desk import Desk, Progress
from scripts.config.outcome import Outcome
from scripts.config.parse import parse
from scripts.config.reach import check_reach
from scripts.config.request import LAST, Request
from scripts.config.settings import Environment, Settings
from scripts.config.variables import PLAIN_NAMES
from scripts.console import Console
from scripts.errors import CommandFailed, ConfigError, DeskError
from scripts.git.command import check_remote_urls, remote_urls
from scripts.git.environment import from_process
from scripts.git.merge import MergingGit
from scripts.github.job import job_page
from scripts.secrets import load
from scripts.secrets.classify import PublicNames, colliding, masked_values
from scripts.system import guardian, signals, temporary, trace
from scripts.system.background import submit
from scripts.system.process import end_all
from scripts.system.secret import remember

R = TypeVar("R", bound=Request)
SWEEP = 10.0  # seconds that the end of a task waits for what it sweeps on a server
_sweeping: list[Future[None]] = []
PROCESS = "the process environment"


def run(load: Callable[[], Callable[[Desk, R], Outcome]], request: R) -> NoReturn:
    """Run the workflow that `load` imports, report how it ended, and exit with its code."""
    console = _listening(request)
    known: list[Desk] = []

    def work() -> Outcome:
        workflow = submit(load)  # import it while git answers
        desk = replace(opened(console, request.about or None), settle=_settle, job=job_page(os.environ))
        known.append(desk)
        if request.needs_network:
            check_reach(desk.settings, lambda: remote_urls(desk.git.folder, desk.git.remote), console.note)
        if request.begins_with_refs:
            from scripts.state.early_refs import ask_early

            branches = [each.branch_ref for each in desk.settings]
            early = ask_early(desk.git, branches, more_follow=request.goes_on_asking)
            desk = replace(desk, early_refs=early)
        sweep(desk)
        return workflow.result()(desk, request)

    def close(outcome: Outcome) -> Outcome:
        if not known or not request.closes:
            return outcome
        from scripts.release.closing import closed

        with contextlib.suppress(DeskError):  # how it ended is said in any case
            typed = shlex.join(["invoke", *(each for each in sys.argv[1:] if each not in ("--json", "-j"))])
            outcome = closed(known[0], request, outcome, typed)
        end_all()
        return outcome

    _end(console, request, work, close)


def sweep(desk: Desk) -> None:
    """Have removed what killed runs left beside the backups, and on the team's scratch server.

    A process of its own removes folders: this run may be over sooner.
    """
    from scripts.database.backups import scratch_notes
    from scripts.database.backups.storage import folder_store
    from scripts.database.backups.store import STAGING

    left = [
        path
        for environment in desk.settings
        for path in temporary.abandoned(folder_store(desk, environment).folder, STAGING)
    ]
    _remove_left(desk.progress, left)
    if scratch_notes.of_dead_runs(desk):
        _sweeping.append(submit(_drop_left, desk))


def _drop_left(desk: Desk) -> None:
    """Drop the databases that killed runs left on the team's scratch server; the task waits for it."""
    from scripts.database.backups.scratch_server import drop_left

    try:
        listed = ", ".join(f"`{name}`" for name in drop_left(desk))
    except DeskError as fault:
        desk.progress.note(f"warning: databases of a killed run may be left: {fault.message}")
    else:
        desk.progress.note(f"left by a run that was killed, and dropped now: {listed or 'nothing'}")


def _remove_left(progress: Progress, left: list[Path]) -> None:
    if left:
        guardian.remove(left)
        listed = ", ".join(f"`{path}`" for path in left)
        progress.note(f"left by a run that was killed, and removed now: {listed}")


def run_plain(load: Callable[[], Callable[[Progress, R], Outcome]], request: R) -> NoReturn:
    """As `run`, for a workflow that needs no configuration: it gets the console alone."""
    console = _listening(request)
    _end(console, request, lambda: load()(console, request))


def refuse(request: Request, fault: DeskError) -> NoReturn:
    """End a call that can't be run as it was typed."""
    Console(request.json, quiet=request.quiet).finish(request, Outcome.of(fault))
    _leave(fault.code)


def _listening(request: Request) -> Console:
    reports = bool(getattr(request, "plan", True))
    console = Console(request.json, reports=reports, quiet=request.quiet)
    if request.verbose:
        trace.to(console.trace)
    os.umask(os.umask(0o022) | 0o022)  # nothing that is created here can be written by others
    signals.listen(console.say)
    for name, value in masked_values(os.environ, PublicNames(), declared=False):
        remember(value, _owned(name))  # before anything is read that could fail and be quoted
    _remove_left(console, temporary.abandoned())
    return console


def _end(
    console: Console,
    request: Request,
    work: Callable[[], Outcome],
    close: Callable[[Outcome], Outcome] = lambda outcome: outcome,
) -> NoReturn:
    try:
        outcome = work()
    except BaseException as fault:
        error = signals.as_desk_error(fault)
        if error is None:
            raise
        outcome = Outcome.of(error)
    finally:
        signals.answer(lambda: signals.ENDING)
        end_all()
    wait(_sweeping, SWEEP)
    outcome = close(outcome)
    console.finish(request, outcome)
    _leave(outcome.code)


def _leave(code: int) -> NoReturn:
    """End at once: an orderly exit of the libraries that a release loads would take another 0.3 s.

    Nothing is lost: files are closed, children have ended, and the output is flushed here.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # the reader may be gone
            stream.flush()  # None: it was closed before the desk began
    os._exit(code)


def opened(console: Console, target: str | None = None) -> Desk:
    """The desk of the configuration that `AIRHOST_ENV_DIR` names.

    `target` is the environment that this run is about: for it alone unprefixed variables of the process
    environment count (`DATABASE_URL`); for any other, only prefixed ones (`STAGING_DATABASE_URL`).
    """
    folder = _folder(os.environ.get("AIRHOST_ENV_DIR"))
    settings = parse(env_files.read_toml(folder / "pipeline.toml"), file=str(folder / "pipeline.toml"))
    target = settings.chain[-1] if target == LAST else target
    about = settings.environment(target).name if target else None
    _warn(console, folder)
    git = MergingGit(_repository(folder, settings), settings.app.remote, settings.app.committer)
    author = submit(git.user_name)  # in parallel with the next two calls of git
    check_remote_urls(git.folder, git.remote)
    _refuse_collisions(masked_values(os.environ, _public(settings), declared=False), settings, PROCESS)

    @cache
    def values(environment: Environment) -> Mapping[str, str]:
        variables = _read_file(console, folder, environment, settings)
        variables |= process(environment, tuple(variables))
        _mask(variables, settings, environment.name)
        return variables

    def process(environment: Environment, in_file: tuple[str, ...] = ()) -> dict[str, str]:
        plain = (*PLAIN_NAMES, *settings.app.build_variables, *in_file)
        return env_files.from_process(environment.name, plain if environment.name == about else ())

    return Desk(
        settings=settings,
        git=git,
        progress=console,
        values=values,
        process=process,
        config_folder=folder,
        state_folder=folder.parent / ".airhost",  # next to the configuration that it belongs to
        actor=_actor(author),
        host=socket.gethostname(),
        now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        new_id=lambda: secrets.token_hex(6),
    )


def _folder(named: str | None) -> Path:
    """The folder of `pipeline.toml`.

    Raises:
        ConfigError: the variable is set and empty, as by a script whose own variable is: the desk's own
            configuration was hardly meant.
    """
    if named is not None and not named.strip():
        raise ConfigError(
            "`AIRHOST_ENV_DIR` is set, and empty",
            "`unset AIRHOST_ENV_DIR` for the desk's own `env/`, or name the folder with `pipeline.toml`",
        )
    return Path(named or DESK / "env").resolve()


def _settle(desk: Desk, environment: Environment, silent: str, yes: bool) -> None:
    from scripts.release import resume

    resume.settle(desk, environment, silent, yes)


def _name_left_out(console: Console) -> None:
    """Name the settings for git that the process environment has and the desk does not use."""
    unused = from_process().left_out
    if unused:
        console.note(
            f"warning: not used: {', '.join(unused)}; of the variables `GIT_CONFIG_...` git gets those that"
            " name hosts, headers, certificates, proxies and people"
        )


def _repository(folder: Path, settings: Settings) -> Path:
    """The app's checkout.

    Raises:
        ConfigError: it, or an ssh configuration that the settings name, is not on this machine.
    """
    for environment in settings:
        ssh_config = environment.ssh_config
        if ssh_config and not (folder / ssh_config).is_file():
            raise ConfigError(
                f"`environment.{environment.name}.ssh_config` names no file: `{folder / ssh_config}`",
                'it is relative to the folder of `pipeline.toml`; "" is your own ssh configuration',
            )
    repository = (DESK / settings.app.repository).resolve()
    if repository == DESK and not (DESK / settings.app.folder / "package.json").exists():
        raise ConfigError(
            f"no app yet: `{folder / 'pipeline.toml'}` names the desk's own folder as the app",
            "`invoke init --app ../app`, with the folder of your app's clone",
        )
    if not (repository / ".git").exists():
        raise ConfigError(
            f"`app.repository` names `{repository}`, which is no git checkout",
            "point it at the app's clone",
        )
    return repository


def _public(settings: Settings) -> PublicNames:
    return PublicNames(settings.secrets.public_prefixes, settings.app.build_variables)


def _owned(name: str, owner: str = PROCESS) -> str:
    return f"`{name}` of {owner}"


def _mask(variables: Mapping[str, str], settings: Settings, owner: str) -> None:
    """Mask the values of an environment from now on, but not the names of environments and branches."""
    masked = tuple(masked_values(variables, _public(settings), settings.names, declared=True))
    _refuse_collisions(masked, settings, owner)
    for name, value in masked:
        remember(value, _owned(name, owner))


def _refuse_collisions(masked: Iterable[tuple[str, str]], settings: Settings, owner: str) -> None:
    """Return if no mask could hide the name of an environment or a branch.

    Raises:
        ConfigError: one would.
    """
    for name in colliding(masked, settings.names):
        raise ConfigError(
            f"{_owned(name, owner)} is masked, and its value stands in the name of an environment or a"
            " branch: the ledger would be garbled",
            f"give `{name}` a value that nobody can guess, or unset it",
        )


def _warn(console: Console, folder: Path) -> None:
    """Say what a person should know of this environment and configuration before anything is done."""
    _name_left_out(console)
    _name_writers(console, folder, folder / "pipeline.toml")


def _name_writers(console: Console, *paths: Path) -> None:
    """Say who else can change what decides which programs run, and where."""
    for path in paths:
        if doubt := env_files.why_not_ours(path):
            console.note(f"warning: {doubt[0]}: {doubt[1]}")


def _read_file(
    console: Console, folder: Path, environment: Environment, settings: Settings
) -> dict[str, str]:
    """The values of the environment's file, decrypted where SOPS is the provider."""
    file = load.file_of(folder, environment.name, settings.secrets.provider)
    if settings.secrets.provider == "file" and env_files.readable_by_others(file):
        console.note(f"warning: `{file}` can be read by others: `chmod 600 {file}`")
    _name_writers(console, file)
    return env_files.parse_values(load.text(file, settings.secrets.provider) or "", file)


def _actor(author: Future[str]) -> str:
    """Who runs this: the person that CI works for, else git's `user.name`, else the login."""
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        if os.environ.get(name):
            return f"{os.environ[name]} (CI)"
    try:
        name = author.result()
    except CommandFailed:
        name = ""
    return name or os.environ.get("USER") or "somebody"
