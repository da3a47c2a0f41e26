"""The Edge Functions of a hosted project: listed over REST, deployed by the pinned CLI.

Facts (measured with 3.1.0, against a stand-in for the Management API):

* `functions deploy NAME... --remote=REF --use-api --yes` needs no Docker. One function is one request; of
  several it sends the bundles first, then puts all at once those that could be bundled. So exit code 0
  proves nothing, and after a failure some may be deployed: only the list tells.
* Where `config.toml` says nothing of `verify_jwt`, it keeps what the project has. It refuses an
  `import_map.json` beside a function that `config.toml` does not name.
* It uploads no file from above the nearest folder with `.git`, and none from above the working folder.
* It never deletes a function unless it is told to `--prune`, which the desk never does.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.config.supabase_cli import answer
from scripts.database.edge_functions.record import Deployed
from scripts.database.edge_functions.sources import EdgeFunction
from scripts.errors import CommandFailed, ReleaseFailed, Unreachable
from scripts.secrets.project import TOKENS, Project, access
from scripts.system import temporary
from scripts.system.command import Command
from scripts.system.process import attempt

RIGHTS = "`edge_functions_read` and `edge_functions_write`"
GIVE = f"give the token {RIGHTS}: {TOKENS}"
DEPLOY_TIMEOUT = 120.0  # seconds for one function, and
EACH_FURTHER = 30.0
WORKS = ("ACTIVE", "THROTTLED")  # the API's words; what is `REMOVED` is gone
STATUS = re.compile(r"status (\d{3})\b")
OF_THE_SOURCE = ("400", "413", "422")  # what the API says of a bundle that it can't take
UNREADABLE = re.compile(
    r"failed to (read file|parse|load import map)|refusing to upload|file path is a dir"
)


@dataclass(frozen=True)
class Functions(Project):
    """The functions of one project."""

    def listed(self) -> dict[str, Deployed]:
        """Each by its name, without those that were removed.

        Raises:
            Unreachable: no answer, or the token may not read them.
            CommandFailed: the answer is no list of functions.
        """
        try:
            known = self.read_list("functions")
        except Unreachable as fault:
            fault.hint = fault.hint and GIVE
            raise
        rows = [_row(row) for row in known if row.get("status") in WORKS]
        return {row.name: row for row in rows}

    def deploy(self, cli: Path, folder: str, functions: Sequence[tuple[EdgeFunction, bool]]) -> None:
        """Deploy them with the CLI at `cli`; only `listed` can say whether they arrived.

        Args:
            folder: of the functions, below the repository's root.
            functions: each with its `verify_jwt`.

        Raises:
            ReleaseFailed: the source of one can't be bundled.
            CommandFailed: the CLI or the project refused.
            CommandTimedOut: the CLI took too long.
        """
        base = posixpath.dirname(folder)
        with temporary.folder() as root:
            app = root / "app"
            (app / ".git").mkdir(parents=True)
            for path, text in _files(functions):
                file = app / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text.encode("utf-8", "surrogateescape"))
            (app / base / "config.toml").write_text(config(base, functions), encoding="utf-8")
            names = [function.name for function, _ in functions]
            where = (f"--workdir={(app / base).parent}", "--output-format=json")
            asked = (f"--remote={self.project}", "--use-api", "--yes", *where)
            command = Command(
                (str(cli), "functions", "deploy", *names, *asked),
                cwd=app,
                env=self.cli_environment(root),
                timeout=DEPLOY_TIMEOUT + EACH_FURTHER * len(names),
            )
            try:
                answer(attempt(command), "supabase functions deploy")
            except CommandFailed as fault:
                raise _judged(fault) from None


def functions_of(desk: Desk, environment: Environment) -> Functions:
    """The functions of an environment's project.

    Raises:
        Refused: no variable names the project, or there is no token.
    """
    return Functions(*access(desk, environment, RIGHTS))


def _row(row: Mapping[str, Any]) -> Deployed:
    try:
        return Deployed(
            str(row["slug"]),
            int(row["version"]),
            int(row["updated_at"]),
            row.get("verify_jwt") is not False,
            str(row.get("ezbr_sha256") or ""),
        )
    except (KeyError, TypeError, ValueError):
        raise CommandFailed("Supabase answered something else than a list of functions") from None


def _files(functions: Sequence[tuple[EdgeFunction, bool]]) -> Iterator[tuple[str, str]]:
    for function, _ in functions:
        yield from function.files.items()


def config(base: str, functions: Sequence[tuple[EdgeFunction, bool]]) -> str:
    """The `config.toml` of a deployment: everything that the CLI would look for is said.

    Args:
        base: the folder of the file, below the repository's root.
    """
    lines = []
    for function, verify_jwt in functions:
        lines.append(f"[functions.{function.name}]")
        lines.append(f"verify_jwt = {_toml(verify_jwt)}")
        lines.append(f"entrypoint = {_toml(_below(base, function.entrypoint))}")
        if function.import_map:
            lines.append(f"import_map = {_toml(_below(base, function.import_map))}")
        if function.static_files:
            lines.append(f"static_files = {_toml([_below(base, each) for each in function.static_files])}")
    return "".join(f"{line}\n" for line in lines)


def _below(base: str, path: str) -> str:
    relative = posixpath.relpath(path, base)
    return relative if relative.startswith("../") else f"./{relative}"


def _toml(value: object) -> str:
    """TOML's texts, lists and booleans are those of JSON."""
    return json.dumps(value, ensure_ascii=False)


def _judged(fault: CommandFailed) -> CommandFailed | ReleaseFailed:
    """Whether the source is at fault, or the way there."""
    statuses = STATUS.findall(fault.message)
    if (statuses and all(each in OF_THE_SOURCE for each in statuses)) or (
        not statuses and UNREADABLE.search(fault.message)
    ):
        return ReleaseFailed(fault.message, "fix the function in a new commit")
    if {"401", "403"} & {*statuses}:
        fault.hint = GIVE
    return fault
