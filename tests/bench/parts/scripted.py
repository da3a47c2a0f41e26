"""The script by hand, on a host of the sandbox that the desk leaves alone: a slot of previews."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from scripts.sandbox.host_config import write_private
from scripts.sandbox.world_facts import Environment, World
from tests.bench.clock import Spent, clean_env, spend
from tests.bench.plan import Run

SCRIPT = Path(__file__).with_name("by_hand.sh")
BRANCH = "develop"


@dataclass(frozen=True)
class Script:
    """The script for one slot; called, it releases.

    Args:
        repository: the checkout that it is called in.
        url: where the slot answers.
    """

    world: World
    slot: Environment
    repository: Path
    url: str

    def __call__(self, *, commit: str = "", moves: str = "", migrates: bool = False) -> Spent:
        """Release the head of `develop`, or a commit; move a branch; apply migrations."""
        slot, folder = self.slot, self.slot.host
        values = "\n".join(
            f"export {name}={shlex.quote(value)}" for name, value in slot.build_values.items()
        )
        env = {
            "COMMIT": commit,
            "BRANCH": BRANCH,
            "MOVES": moves,
            "NAME": slot.name,
            "HOST": slot.alias,
            "SSH_CONFIG": str(folder / "ssh_config"),
            "WORKSPACE": str(slot.workspace),
            "URL": self.url,
            "MCP": slot.mcp_url,
            "REPL_ID": slot.repl_id,
            "HEADERS": str(folder / "headers"),
            "VARIABLES": values,
            "MIGRATES": "yes" if migrates else "",
            "CLI": str(next(self.world.clone.glob("node_modules/@supabase/cli-*/bin/supabase"))),
            "DATABASE": f"{self._address}?sslmode=disable",
            "PGPASSWORD": self.world.password,
        }
        return spend("bash", SCRIPT, cwd=self.repository, env=clean_env(**env))

    @property
    def _address(self) -> str:
        name = self.slot.database_url.rpartition("/")[2]
        return f"postgresql://postgres@127.0.0.1:{self.world.postgres_port}/{name}"


def script(run: Run, world: World, name: str) -> Script:
    """The script for a slot, whose host runs and has released once, with all migrations."""
    slot = next(each for each in world.slots if each.name == name)
    made = Script(world, slot, world.clone, slot.url)
    key = f"script {name} {world.folder}"
    if key not in run.shared:
        run.say(f"  the script by hand, once, on `{slot.alias}`")
        spend("ssh", "-F", world.ssh_config, slot.alias, "true", cwd=world.folder)  # starts the host
        _write(world, slot)
        world.postgres.create_database(slot.database_url.rpartition("/")[2])
        made(migrates=True)
        run.shared[key] = True
    return made


def _write(world: World, slot: Environment) -> None:
    """An ssh configuration without the door that starts the host, and the headers of MCP."""
    lines = world.ssh_config.read_text().splitlines()
    direct = "\n".join(line for line in lines if "ProxyCommand" not in line)
    write_private(slot.host / "ssh_config", f"{direct}\n")
    headers = (
        f"Authorization: Bearer {slot.mcp_token}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
    )
    write_private(slot.host / "headers", "\n".join(headers) + "\n")


def publish_takes(world: World, seconds: float) -> None:
    """From now on, on every host."""
    (world.folder / "publish_seconds").write_text(f"{seconds:g}")


def replit_file(world: World) -> str:
    """The app's `.replit`, whose build takes as long as `publish_takes` says."""
    waits = f'sleep "$(cat {shlex.quote(str(world.folder / "publish_seconds"))} || echo 0)"'
    build = json.dumps(["sh", "-c", f"{waits} && test -f dist/version.json"])
    return (
        f'modules = ["nodejs-20"]\nrun = ["node", "server/index.js"]\n\n[deployment]\n'
        f'deploymentTarget = "autoscale"\nbuild = {build}\nrun = ["node", "server/index.js"]\n'
    )
