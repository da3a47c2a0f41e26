"""Vite in an app's checkout, called for a build that is looked at and thrown away."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from scripts.errors import Refused, ReleaseFailed
from scripts.shell.command import Command
from scripts.shell.runner import attempt, last_words

CLI = "node_modules/vite/bin/vite.js"


def build(checkout: Path, output: Path, variables: Mapping[str, str], timeout: float) -> None:
    """Build the checkout into `output` with these variables, which win over its `.env` files.

    Raises:
        Refused: there is no Vite, or no node.
        ReleaseFailed: the build failed.
    """
    cli = checkout / CLI
    if not cli.is_file():
        raise Refused(
            f"`{checkout}` has no Vite installed (`{CLI}`)", "`npm ci` there; other bundlers have no canary"
        )
    node = shutil.which("node")
    if node is None:
        raise Refused("there is no `node` on this machine", "install node 20 or newer")
    argv = (node, str(cli), "build", "--outDir", str(output), "--emptyOutDir", "--logLevel", "error")
    result = attempt(Command(argv, cwd=checkout, env=dict(variables), timeout=timeout))
    if result.code != 0:
        raise ReleaseFailed(f"Vite could not build `{checkout}`{last_words(result)}")
