"""The git remote: what it wants, and its commits. Nothing that it sends is trusted or run here."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.replit.launcher.child import OWNED, Ended, Spawn, run_command
from scripts.replit.launcher.config import Config, app_environment
from scripts.replit.launcher.files import HEX, masked

LOOK_SECONDS = 20.0
FETCH_SECONDS = 300.0
LOOK_BYTES = 1_000_000
REPOSITORY_BYTES = 500_000_000  # a repository that has grown beyond this is fetched anew
OFF = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false", "-c", "protocol.ext.allow=never"),
    *("-c", "submodule.recurse=false", "-c", "credential.helper=", "-c", "core.askPass="),
)


class RemoteProblem(Exception):
    """The remote did not answer, or not with what was asked for."""


@dataclass(frozen=True)
class Wanted:
    """What the remote says, by its refs; None or empty where a ref is missing.

    Args:
        candidates: ref name -> commit.
        artifacts: commit -> the artifact's own commit.
    """

    live: str | None = None
    branch: str | None = None
    candidates: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)


class Remote:
    """The remote of one app, and the bare repository beside it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._repository = config.state / "repository.git"
        self._environment = self._variables()

    def _variables(self) -> dict[str, str]:
        """For git alone: no configuration but this, and the key or token outside of every argument."""
        config, state = self._config, self._config.state
        ssh = ["ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new"]
        ssh += ["-o", f'UserKnownHostsFile="{state}/known_hosts"', "-o", "ConnectTimeout=10"]
        ssh += ["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", "-o", "IdentitiesOnly=yes"]
        if config.key:
            ssh += ["-i", str(state / "key")]
        names = ("PATH", "LANG", "LD_LIBRARY_PATH")
        variables = {name: value for name, value in app_environment().items() if name in names}
        variables |= {
            "HOME": str(state),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
            "GIT_SSH_COMMAND": shlex.join(ssh),
            "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
            "GIT_HTTP_LOW_SPEED_TIME": "30",
            OWNED: str(state),
        }
        if config.git_token and config.remote.startswith(("http://", "https://")):
            coded = base64.b64encode(f"x-access-token:{config.git_token}".encode()).decode()
            variables |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"http.{config.remote}.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {coded}",
            }
        return variables

    async def look(self) -> Wanted:
        """Ask the remote for its refs.

        Raises:
            RemoteProblem: it did not answer in time, or refused.
        """
        environment, branch = self._config.environment, f"refs/heads/{self._config.branch}"
        live = f"refs/deploy/live/{environment}"
        candidate, artifact = (f"refs/deploy/{kind}/{environment}/" for kind in ("candidate", "artifact"))
        asked = (
            "ls-remote",
            "--refs",
            "--",
            self._config.remote,
            branch,
            live,
            f"{candidate}*",
            f"{artifact}*",
        )
        ended = await self._git(*asked, seconds=LOOK_SECONDS, cwd=self._config.state)
        refs: dict[str, str] = {}
        for line in ended.out.decode("utf-8", "replace").split("\n")[:-1]:  # the last may be cut
            commit, _, name = line.partition("\t")
            if HEX.fullmatch(commit) and re.fullmatch(r"refs/[!-~]{1,400}", name):
                refs[name] = commit
        return Wanted(
            live=refs.get(live),
            branch=refs.get(branch),
            candidates={name: commit for name, commit in refs.items() if name.startswith(candidate)},
            artifacts={
                name[len(artifact) :]: own for name, own in refs.items() if name.startswith(artifact)
            },
        )

    async def fetch(self, commit: str, wanted: Wanted) -> None:
        """Bring a commit here, and the branch; without their files where the remote can do that."""
        await self._prepare_repository()
        environment = self._config.environment
        named = [name for name, its in wanted.candidates.items() if its == commit]
        refs = [f"+{name}:refs/launcher/candidate/{commit}" for name in named[:1]]
        if wanted.branch:
            refs.append(f"+refs/heads/{self._config.branch}:refs/launcher/branch")
        if wanted.live == commit:
            refs.append(f"+refs/deploy/live/{environment}:refs/launcher/live")
        await self._fetch(["--filter=blob:none", "--", "origin", *refs])

    async def fetch_artifact(self, commit: str) -> str:
        """Bring what was built from a commit here; the message that tells of it."""
        await self._prepare_repository()
        name = f"refs/deploy/artifact/{self._config.environment}/{commit}"
        await self._fetch(["--", "origin", f"+{name}:refs/launcher/artifact/{commit}"])
        return await self._read("log", "-1", "--format=%B", f"refs/launcher/artifact/{commit}")

    async def has(self, commit: str) -> bool:
        """Whether the commit is here already."""
        if not self._repository.is_dir():
            return False
        ended = await self._attempt("cat-file", "-e", f"{commit}^{{commit}}", seconds=30)
        return ended.code == 0

    async def is_reachable(self, commit: str) -> bool:
        """Whether the environment's branch holds the commit."""
        ended = await self._attempt(
            "merge-base", "--is-ancestor", commit, "refs/launcher/branch", seconds=60
        )
        return ended.code == 0

    async def export(self, what: str, folder: Path) -> None:
        """The files of a commit, into an empty folder."""
        index = self._repository / "launcher-index"
        index.unlink(missing_ok=True)
        extra = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(folder)}
        ended = await self._attempt(
            "read-tree", "-u", "--reset", what, seconds=FETCH_SECONDS, cwd=folder, extra=extra
        )
        index.unlink(missing_ok=True)
        self._judge(ended, "checkout")

    async def tidy(self, wanted: Wanted) -> None:
        """Small machines: drop refs that are over, and a repository that grew too large."""
        if not self._repository.is_dir():
            return
        size = sum(path.stat().st_size for path in self._repository.rglob("*.pack"))
        if size > REPOSITORY_BYTES:
            shutil.rmtree(self._repository, ignore_errors=True)
            return
        for kind, present in (
            ("artifact", set(wanted.artifacts)),
            ("candidate", set(wanted.candidates.values())),
        ):
            for path in self._repository.glob(f"refs/launcher/{kind}/*"):
                if path.name not in present:
                    path.unlink(missing_ok=True)

    async def _prepare_repository(self) -> None:
        repository = self._repository
        if not (repository / "launcher-ready").exists():
            shutil.rmtree(repository, ignore_errors=True)
            made = await self._git(
                "init", "--quiet", "--bare", "--", str(repository), cwd=self._config.state
            )
            self._judge(made, "init")
            url = f"url = {json.dumps(self._config.remote)}"
            lines = (url, "promisor = true", "partialclonefilter = blob:none")
            with (repository / "config").open("a", encoding="utf-8") as file:
                file.write('[remote "origin"]\n' + "".join(f"\t{line}\n" for line in lines))
            (repository / "launcher-ready").touch()
        for left in (*repository.rglob("*.lock"), *repository.rglob("tmp_*")):  # of a git that was killed
            with contextlib.suppress(OSError):
                left.unlink()

    async def _fetch(self, words: list[str]) -> None:
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--force")
        command = ("fetch", *options, "--recurse-submodules=no", *words)
        ended = await self._attempt(*command, seconds=FETCH_SECONDS)
        if ended.code not in (0, None) and await self._is_broken():
            shutil.rmtree(self._repository, ignore_errors=True)
            await self._prepare_repository()
            ended = await self._attempt(*command, seconds=FETCH_SECONDS)
        self._judge(ended, "fetch")

    async def _is_broken(self) -> bool:
        """Whether the repository itself is the fault: objects that are cut, or an address that changed."""
        known = (self._repository / "config").read_text("utf-8", "replace")
        if f"url = {json.dumps(self._config.remote)}\n" not in known:
            return True
        looked = await self._attempt(
            "rev-list", "--objects", "--missing=allow-any", "--all", "--quiet", seconds=120
        )
        return looked.code != 0

    async def _read(self, *words: str) -> str:
        return (await self._git(*words)).out.decode("utf-8", "replace")

    async def _git(self, *words: str, seconds: float = 60, cwd: Path | None = None) -> Ended:
        ended = await self._attempt(*words, seconds=seconds, cwd=cwd)
        self._judge(ended, words[0])
        return ended

    async def _attempt(
        self, *words: str, seconds: float, cwd: Path | None = None, extra: Mapping[str, str] | None = None
    ) -> Ended:
        variables = {**self._environment, **(extra or {})}
        if words[0] not in ("init", "ls-remote"):
            variables["GIT_DIR"] = str(self._repository)
        place = cwd or self._repository
        return await run_command(Spawn(("git", *OFF, *words), place, variables), seconds, LOOK_BYTES)

    def _judge(self, ended: Ended, what: str) -> None:
        if ended.code == 0:
            return
        said = masked(ended.tail.strip(), self.secrets)[-1_000:]
        why = "took too long" if ended.code is None else f"failed ({ended.code})"
        raise RemoteProblem(f"git {what} {why}: {said}" if said else f"git {what} {why}")

    @property
    def secrets(self) -> dict[str, str]:
        """What must stand in no message."""
        found = {"key": self._config.key, "token": self._config.git_token, "status": self._config.token}
        coded = self._environment.get("GIT_CONFIG_VALUE_0", "")
        return {name: value for name, value in {**found, "header": coded}.items() if value}


def write_key(config: Config) -> None:
    """The deploy key where ssh can read it: a file for this user alone."""
    config.state.mkdir(mode=0o700, exist_ok=True)
    path = config.state / "key"
    path.unlink(missing_ok=True)
    if config.key:
        text = config.key if "\n" in config.key.strip() else config.key.replace("\\n", "\n")
        path.touch(0o600)
        path.chmod(0o600)
        path.write_text(text.strip() + "\n", "utf-8")
