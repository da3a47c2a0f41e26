"""The Replit workspace, reached by OpenSSH: one script on stdin, one JSON line back.

`*.replit.app` serves a snapshot; ssh reaches only the workspace (facts: replit.md, section 0), so
what stands there proves nothing about what is live.
"""

from __future__ import annotations

import base64
import binascii
import json
import posixpath
import secrets
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import CommandFailed, DeskError, Refused, ReleaseFailed, Unreachable
from scripts.replit.build_log import quoted_reason
from scripts.replit.live import Answer, Expected, look
from scripts.state.held_lock import HeldLock
from scripts.system.command import CREDENTIALS, Command, Result, inherited
from scripts.system.documents import parse_json
from scripts.system.process import Waiting, attempt, error_tail, quoted_lines

OPTIONS = (
    "-T -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=10 -o ServerAliveCountMax=3"
).split()

LOG = ".git/release-desk/log"  # in the workspace, what the last command said
LOOK_SECONDS = 10.0  # for a look at what stands there
_sessions: dict[tuple[str, str | None], Waiting] = {}  # opened for builds that are to follow
LONGEST_ANSWER = 65_536  # bytes of the answer's line: 32768 of them may be what a program said, in base64

# what the workspace refuses, and what a person does about it
RULES = {
    "dirty": ("has changes that are in no commit", "commit or remove them on Replit"),
    "unpushed": ("has commits that are on no branch of the remote", "push them from Replit"),
    "lfs": (
        "has pointers in place of files, which would be served as they are",
        "have git-lfs in the workspace (`.replit`, the nix packages), or take these files out of LFS",
    ),
    "busy": ("is being released to by another run", "wait for it to end, then try again"),
    "no-workspace": ("has no such folder", "see `workspace` in `env/pipeline.toml`"),
    "no-repository": ("holds no git checkout", "clone the app's repository there"),
}


@dataclass(frozen=True)
class Build:
    """What to build in the workspace.

    Args:
        candidate: the ref on the remote under which the commit can be fetched.
        stamp: the content of `version.json`.
        variables: the environment of install and build; travels on stdin, never in an argument.
        patience: seconds to wait for what another run began in the workspace.
        send: have the built folder sent back, to be looked at before it is published.
        folder: the app's, below the workspace; `lockfile`, `output` and `static` are relative to it.
        keep: a name under which a person's work is kept aside; "": it is refused.
        static: a folder that gets the stamp before the build as well; "" for none.
        without_maps: source maps are sent back, if anything is, and taken out of what is published.
    """

    workspace: str
    commit: str
    candidate: str
    install: Sequence[str]
    build: Sequence[str]
    lockfile: str
    output: str
    stamp: Mapping[str, str | None]
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    remote: str = "origin"
    patience: int = 600
    send: bool = False
    folder: str = ""
    static: str = ""
    keep: str = ""
    without_maps: bool = False

    def below(self, path: str) -> str:
        """A path of the app's folder, relative to the workspace."""
        return posixpath.normpath(posixpath.join(self.folder, path)) if self.folder else path

    @property
    def install_folder(self) -> str:
        """Where `install` runs: in the app's folder, or where a lock file above it is."""
        above = self.lockfile.startswith("../")
        return (posixpath.dirname(self.below(self.lockfile)) if above else self.folder) or "."


def ssh(host: str, config: str | None, script: str, timeout: float) -> Command:
    """One ssh session that runs `script`; user, port and key are the ssh configuration's."""
    where = ("-F", config) if config else ()
    argv = ("ssh", *where, *OPTIONS, "--", host, "bash -s")
    return Command(argv, env=inherited(CREDENTIALS), stdin=script.encode(), timeout=timeout)


def script(build: Build, mark: str = "", *, looks: bool = False) -> str:
    """The inputs, each quoted for the remote shell, and then `workspace.sh`.

    The built folder is sent between two lines `mark`; without one it is not. With `looks` nothing is
    changed: it is said what a release would refuse.
    """
    inputs = {
        "LOOK": "yes" if looks else "",
        "KEEP": build.keep,
        "SEND": mark,
        "PATIENCE": str(build.patience),
        "WORKSPACE": build.workspace,
        "COMMIT": build.commit,
        "CANDIDATE": build.candidate,
        "REMOTE": build.remote,
        "INSTALL": shlex.join(build.install),
        "INSTALL_FOLDER": build.install_folder,
        "BUILD": shlex.join(build.build),
        "FOLDER": build.folder or ".",
        "LOCKFILE": build.below(build.lockfile),
        "OUTPUT": build.below(build.output),
        "STATIC": build.below(build.static) if build.static else "",
        "WITHOUT_MAPS": "yes" if build.without_maps else "",
        "STAMP": json.dumps(dict(build.stamp)),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in inputs.items()]
    exports = [f"  export {name}={shlex.quote(text)}" for name, text in build.variables.items()]
    body = "\n".join(exports) or "  :"
    return "\n".join([*lines, "build_environment() {", body, "}", _template()])


class Placed(NamedTuple):
    """The built folder as an archive if `Build.send`, and what was put back or kept aside."""

    archive: bytes
    said: str


def place(
    host: str, config: str | None, build: Build, timeout: float, waiting: Waiting | None = None
) -> Placed:
    """Bring the workspace to the commit and build it there.

    Args:
        waiting: a connection that was opened before; where it has broken, another one is made.

    Raises:
        Refused: the workspace holds work that would be lost; nothing was changed.
        ReleaseFailed: the commit can't be installed or built.
        CommandFailed: the remote's git failed.
        Unreachable: no answer: what stands in the workspace is unknown (live is untouched).
    """
    mark = f"release-desk-{secrets.token_hex(16)}" if build.send else ""
    command = ssh(host, config, script(build, mark), timeout)
    result = waiting.finish(command) if waiting and waiting.lives else attempt(command)
    said, archive = _apart(result.out, mark.encode())
    result = replace(result, out=said)
    document = _answer(result)
    if document is None:
        raise Unreachable(
            f"no answer from the workspace `{host}` (ssh ended with {result.code}){error_tail(result)}",
            f"try `ssh {f'-F {config} ' if config else ''}{host} true`",
        )
    _judge(host, document)
    if mark and not archive:
        raise CommandFailed(f"the workspace `{host}` did not send what it built: it can't be looked at")
    return Placed(archive, document["detail"])


def objection(host: str, config: str | None, build: Build, timeout: float) -> Refused | None:
    """Why the workspace would refuse a release now; None if it would not, or can't be asked."""
    try:
        document = _answer(attempt(ssh(host, config, script(build, looks=True), timeout)))
        if document and document["desk"] == "refused":
            _judge(host, document)
    except Refused as why:
        return why
    except DeskError:  # no ssh here, or no answer in time
        return None
    return None


def _apart(out: bytes, mark: bytes) -> tuple[bytes, bytes]:
    """Split the output: the text, and the archive between two lines `mark`.

    Of an archive that did not arrive as a whole nothing is kept; an answer may follow it.
    """
    before, found, rest = out.partition(b"\n" + mark + b"\n") if mark else (out, b"", b"")
    archive, ended, after = rest.rpartition(b"\n" + mark + b"\n") if found else (b"", b"", b"")
    if ended or not found:
        return before + after, archive
    lines = rest[-LONGEST_ANSWER:].split(b"\n")
    return b"\n".join([before, *(line for line in lines if line.startswith(b'{"desk"'))]), b""


def _judge(host: str, document: Mapping[str, str]) -> None:
    ending, rule, detail = (document.get(key, "") for key in ("desk", "rule", "detail"))
    said = quoted_lines(detail, last=ending != "refused")
    if ending == "refused":
        what, hint = RULES.get(rule, (f"refused: {rule}", None))
        raise Refused(f"the workspace `{host}` {what}{said}", hint)
    if rule in ("install", "build", "stamp"):
        raise ReleaseFailed(
            f"the {rule} failed in the workspace `{host}`{quoted_reason(detail)}",
            f"the whole log is there, until the next release: `{LOG}`",
        )
    if rule == "send":
        raise CommandFailed(f"the workspace `{host}` could not send what it built, to be scanned{said}")
    if ending != "ready":
        raise CommandFailed(f"the workspace `{host}` could not {rule} the commit{said}")


def _answer(result: Result) -> dict[str, str] | None:
    """The answer line; a login banner may precede it. Exit code 255 may mean anything."""
    for line in reversed(result.text.splitlines()):
        try:
            document = parse_json(line)
        except ValueError:
            continue
        if isinstance(document, dict) and "desk" in document:
            answer = {key: str(value) for key, value in document.items()}
            return {**answer, "detail": _words(answer.get("detail", ""))}
    return None


def _words(coded: str) -> str:
    """What was said there, as it was said; nothing for what is not coded so."""
    try:
        return base64.b64decode(coded).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


@cache
def _template() -> str:
    """The functions first: `workspace.sh` calls its `main` at its end."""
    here = files("scripts.replit")
    return "".join(
        here.joinpath(name).read_text("utf-8") for name in ("workspace_changes.sh", "workspace.sh")
    )


class WorkspaceDriver:
    """What the drivers share that publish from a Replit workspace: the build, and the public URL."""

    staged = True
    confirms = False

    def __init__(self, desk: Desk, environment: Environment) -> None:
        self._desk = desk
        self._environment = environment

    def connect(self) -> None:
        """Open the ssh session, which wakes the workspace; its shell waits for the script of `build`.

        One that waits already, opened by another driver of this environment, stays.
        """
        known = _sessions.get(self._session)
        if known and known.lives:
            return
        self.disconnect()
        with suppress(CommandFailed):  # no ssh here: `build` says so
            command = ssh(self._environment.ssh_host, self._ssh_config, "", LOOK_SECONDS)
            _sessions[self._session] = Waiting(command)

    def disconnect(self) -> None:
        """End the session, if there is one."""
        if waiting := _sessions.pop(self._session, None):
            waiting.end()

    @property
    def _session(self) -> tuple[str, str | None]:
        return self._environment.ssh_host, self._ssh_config

    def build(self, expected: Expected, candidate: str, *, send: bool = False, keep: str = "") -> bytes:
        """Bring the workspace to the commit over ssh, built and stamped; see `Driver`."""
        desk, host = self._desk, self._environment.ssh_host
        order = self._order(expected, candidate, desk.build_variables(self._environment))
        build = replace(order, send=send, keep=keep)
        waiting = _sessions.pop(self._session, None)
        placed = place(host, self._ssh_config, build, desk.settings.replit.build_timeout, waiting)
        if placed.said:
            desk.progress.note(f"the workspace `{host}`: {placed.said.strip()}".replace("\n", "\n  | "))
        return placed.archive

    def deliver(self, expected: Expected, lock: HeldLock) -> Mapping[str, Any]:
        """It was built where it is published from."""
        return {}

    def asked_for(self) -> str | None:
        """Replit does not say which commit a Publish was asked for."""
        return None

    def lagging(self) -> tuple[str, ...]:
        """The public URL alone tells."""
        return ()

    def objection(self) -> Refused | None:
        """Why the workspace would refuse a release now; see `Driver`."""
        order = self._order(Expected("0" * 40, self._environment.name), "", {})
        return objection(self._environment.ssh_host, self._ssh_config, order, LOOK_SECONDS)

    @property
    def _ssh_config(self) -> str | None:
        config = self._environment.ssh_config
        return str(self._desk.config_folder / config) if config else None

    def _order(self, expected: Expected, candidate: str, variables: Mapping[str, str]) -> Build:
        desk, environment = self._desk, self._environment
        app = desk.settings.app
        return Build(
            workspace=environment.workspace,
            commit=expected.commit,
            candidate=candidate,
            install=app.install,
            build=app.build,
            lockfile=app.lockfile,
            output=app.output,
            stamp={
                "commit": expected.commit,
                "environment": environment.name,
                "schema": expected.schema,
                "built_at": desk.now(),
            },
            variables=variables,
            folder=app.folder,
            static=app.static,
            without_maps=bool(desk.settings.sentry.organization),
        )

    def live(self) -> Answer:
        """What the public URL answers."""
        return look(self._desk, self._environment)
