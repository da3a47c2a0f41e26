"""What the last install or build in a workspace said, read over ssh; a workspace keeps no older one."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import replace
from pathlib import PurePosixPath

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import Unreachable
from scripts.replit.workspace import LOG, ssh
from scripts.system.process import attempt

SECONDS, MOST_BYTES, BANNER = 30.0, 256 * 1024, 64 * 1024
SCRIPT = """
cd -- {workspace} || exit 0
file=$(git rev-parse --absolute-git-dir)/{name} || exit 0
[ -f "$file" ] && printf '%s %s\\n' {mark} "$(stat -c %Y -- "$file")" && tail -c {most} -- "$file"
exit 0
"""


def read_log(desk: Desk, environment: Environment) -> tuple[float, str] | None:
    """When it was written (seconds since 1970), and its last lines; None where there is none.

    Raises:
        Unreachable: the workspace gives no answer.
    """
    config = str(desk.config_folder / environment.ssh_config) if environment.ssh_config else None
    mark = f"release-desk-{secrets.token_hex(16)}"
    script = SCRIPT.format(
        workspace=shlex.quote(environment.workspace),
        name=PurePosixPath(LOG).relative_to(".git"),
        mark=mark,
        most=MOST_BYTES,
    )
    command = replace(ssh(environment.ssh_host, config, script, SECONDS), most=MOST_BYTES + BANNER)
    result = attempt(command)
    if result.code:
        raise Unreachable(f"the workspace `{environment.ssh_host}` gives no answer (ssh: {result.code})")
    _, found, rest = result.text.partition(f"{mark} ")  # a banner may precede it
    moment, _, text = rest.partition("\n")
    if not found or not moment.isdecimal():
        return None
    if len(text.encode()) >= MOST_BYTES:  # its first line may be half a secret, which no mask knows
        text = text.partition("\n")[2]
    return float(moment), text
