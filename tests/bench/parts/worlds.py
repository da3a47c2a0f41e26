"""The sandbox that the benches share: real git, ssh, PostgreSQL and Publish, with a release everywhere."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.sandbox import world_facts
from scripts.sandbox.world_facts import World
from tests.bench.clock import spend
from tests.bench.parts.desk import ROOT, program, typed
from tests.bench.parts.far import far, git_over_http
from tests.bench.parts.scripted import publish_takes, replit_file
from tests.bench.plan import Broken, Run, abandoned
from tests.integration.desk import Desk, git
from tests.support.sandboxes import VITE

PREFIX = "desk-bench-world-"
# seconds: a Publish may take a minute, and the pauses between two looks are short
WAITS = {"timeout = 20\ninterval = 0.5": "timeout = 180\ninterval = 0.2", "ttl = 5": "ttl = 3"}
# a heartbeat a second would be under way all the time
FAR_WAITS = {"heartbeat = 1\nttl = 3\n": "heartbeat = 20\nttl = 90\n"}
STEPS = (
    ("deploy", "--env", "development"),
    ("promote", "--to", "staging"),
    ("promote", "--to", "production"),
)


def lacks() -> str:
    """What the sandbox needs and this machine has not; "" for nothing."""
    missing = [name for name in ("git", "ssh", "node", "npm", "bash", "curl") if not shutil.which(name)]
    return f"`{'`, `'.join(missing)}` on PATH: see docs/sandbox.md" if missing else ""


def released(run: Run) -> World:
    """The world, made by the first bench that wants it; its three environments run one commit."""
    if "world" not in run.shared:
        world = run.shared["world"] = sandbox(run)
        publish_takes(world, 0)
        Desk(world).commit({".replit": replit_file(world)}, "Publish may take its time")
        for step in STEPS:
            run.say(f"  invoke {' '.join(step)}")
            typed(*step, "--yes", env_dir=world.env_dir)
    found = run.shared["world"]
    assert isinstance(found, World)
    return found


def sandbox(run: Run, driver: str = "workspace") -> World:
    """A sandbox without any release, for one bench; taken down at the end."""
    _sweep()
    folder = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getpid()}-{driver}"
    run.say(f"  making a sandbox, driver `{driver}`")
    run.stack.callback(_down, folder)
    spend(*program(), "sandbox.up", "--dir", folder, "--driver", driver, cwd=ROOT)
    world = world_facts.read(folder)
    if world is None:
        raise Broken(f"`{folder}` is no sandbox")
    pipeline = world.env_dir / "pipeline.toml"
    pipeline.write_text(_changed(pipeline.read_text(), {**WAITS, "[app]\n": VITE}))
    return world


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        if old not in text:
            raise Broken(f"the sandbox's `pipeline.toml` has no {old!r}")
        text = text.replace(old, new)
    return text


def _down(folder: Path) -> None:
    spend(*program(), "sandbox.down", "--dir", folder, cwd=ROOT)


def _sweep() -> None:
    """End the sandboxes that a killed bench has left."""
    for folder in abandoned(PREFIX):
        _down(folder)


@dataclass(frozen=True)
class Place:
    """Where the desk looks: its configuration, the app's checkout, and the URL of each environment.

    `asked`: the requests to a remote over HTTP.
    """

    env_dir: Path
    repository: Path
    urls: Mapping[str, str]
    asked: list[str] = field(default_factory=list)


def beside(world: World) -> Place:
    """The world as it is: on this machine."""
    return Place(world.env_dir, world.clone, {each.name: each.url for each in world.environments})


def far_away(run: Run, world: World, seconds: float) -> Place:
    """The same environments with a git remote over HTTP and URLs so far away, there and back."""
    key = f"far {seconds}"
    if key not in run.shared:
        run.shared[key] = _moved(run, world, seconds)
    found = run.shared[key]
    assert isinstance(found, Place)
    return found


def _moved(run: Run, world: World, seconds: float) -> Place:
    folder = run.folder / f"far{seconds}"
    folder.mkdir()
    server = run.stack.enter_context(git_over_http(world.folder))
    remote = run.stack.enter_context(far(server.server_address[1], seconds))
    clone, env_dir, urls = folder / "clone", folder / "env", dict[str, str]()
    shutil.copytree(world.env_dir, env_dir)
    git(folder, "clone", "-q", str(world.origin), str(clone))
    git(clone, "remote", "set-url", "origin", f"http://127.0.0.1:{remote}/{world.origin.name}")
    cli = next(world.clone.glob("node_modules/@supabase/cli-*/bin/supabase"))
    text = (env_dir / "pipeline.toml").read_text().replace(str(world.clone), str(clone))
    for own in world.environments:
        port = run.stack.enter_context(far(own.port, seconds))
        urls[own.name] = f"http://127.0.0.1:{port}"
        text = text.replace(f'url = "{own.url}"', f'url = "{urls[own.name]}"')
    text = _changed(text, FAR_WAITS)
    (env_dir / "pipeline.toml").write_text(f"{text}\n[supabase]\ncli = {json.dumps(str(cli))}\n")
    return Place(env_dir, clone, urls, server.asked)
