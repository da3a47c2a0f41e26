"""The sample app as `init --launcher` leaves it: with the launcher, and listening where that says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.replit.launcher_bundle import program
from scripts.sandbox.world_facts import World
from scripts.setup import app_facts
from scripts.setup.detect import detect
from scripts.setup.launcher import CONFIG, launcher_texts

SERVER = Path("server", "index.js")
LISTENS = "server.listen(port, host"
FIRST = "import { createServer }"
# what a person changes in it, for a site of a few visitors on a machine that is used for other things too
CHANGES: dict[str, Any] = {"socket": "inherit", "poll_seconds": 1, "drain_seconds": 2, "start_seconds": 15}


def add_launcher(app: Path, world: World) -> None:
    """Write the launcher into the app's folder, and let its server listen by the helper."""
    tree = app_facts.tree(app)
    followers = (*world.environments, *(slot for slot in world.slots if slot.launcher_token))
    branches = {environment.desk_name: environment.branch for environment in followers}
    texts = launcher_texts(tree, detect(tree, "", "airhost"), branches, str(world.origin), program())
    texts[CONFIG] = json.dumps({**json.loads(texts[CONFIG]), **CHANGES}, indent=2) + "\n"
    for name, text in texts.items():
        (app / name).write_text(text)
    server = (app / SERVER).read_text()
    helped = server.replace(LISTENS, "listen(server, port, host").replace(
        FIRST, f'import listen from "../launcher_listen.cjs";\n{FIRST}', 1
    )
    (app / SERVER).write_text(helped)
    with (app / ".gitignore").open("a") as ignored:
        ignored.write(".launcher/\n")
