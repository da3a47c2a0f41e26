"""A desk that knows releases, whose servers are all dead: what is typed wrongly there is refused early."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

from tests.support import fork_server, years
from tests.support.desks import ROOT, Ended, environment
from tests.support.repositories import Repository, bare, clone

NOW = 1_900_000_000.0
RELEASES = 12
DEAD = "127.0.0.1:9"  # nobody listens there


class World(NamedTuple):
    """The team's remote, a person's clone of it, and the folder of its configuration."""

    origin: Repository
    person: Repository
    env_dir: Path

    def state(self) -> dict[str, str]:
        """What a command could have changed: refs, files of the clone and the desk."""
        kept = {f"origin {ref}": sha for ref, sha in self.origin.refs().items()}
        for folder in (self.person.folder, self.env_dir.parent):
            for file in folder.rglob("*"):
                if file.is_file() and ".git" not in file.parts and "backups" not in file.parts:
                    kept[str(file)] = str(hash(file.read_bytes()))
        return kept


def built(folder: Path) -> World:
    """The world in an empty folder."""
    origin = bare(folder / "origin.git")
    years.repository(origin, RELEASES, NOW)
    person = clone(origin, folder / "person", "-b", "develop")
    env_dir = folder / "desk" / "env"
    env_dir.mkdir(parents=True)
    shutil.copy(ROOT / "env" / "masking.toml", env_dir)
    text = (ROOT / "env" / "pipeline.toml").read_text()
    text = text.replace('repository = "."', f"repository = {json.dumps(str(person.folder))}")
    text = re.sub(r'"https://(airhost-\w+)\.replit\.app"', rf'"http://{DEAD}/\1"', text)
    text = re.sub(r'(mcp_url|supabase_api|github_api) = "[^"]*"', rf'\1 = "https://{DEAD}"', text)
    text = text.replace('ssh_config = ""', 'ssh_config = "ssh"').replace("timeout = 300", "timeout = 2")
    (env_dir / "pipeline.toml").write_text(text)
    (env_dir / "ssh").write_text("Host *\n  ProxyCommand false\n")
    for name in years.ENVIRONMENTS:
        file = env_dir / f".env.{name}"
        file.write_text(f"DATABASE_URL=postgresql://desk:sixteen-letters-{name}@{DEAD}/postgres\n")
        file.chmod(0o600)
    return World(origin, person, env_dir)


def typed(world: World, line: str) -> Ended:
    """How it ends in the desk's folder; `NAME=VALUE` before it sets a variable."""
    words = shlex.split(line)
    env = environment(world.env_dir)
    while words and re.match("[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    head = world.origin.refs()["refs/heads/develop"]
    known = {"TYPO": f"{head[:6]}{(int(head[6], 16) + 1) % 16:x}{head[7:9]}"}
    child = fork_server.start(*(known.get(word, word) for word in words), cwd=ROOT, env=env)
    out, err = child.communicate(timeout=60)
    return Ended(child.returncode, out, err)
