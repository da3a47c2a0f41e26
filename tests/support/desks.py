"""The desk as people and CI start it: `python -m invoke ...` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = """
chain = ["staging", "production"]
[app]
repository = {repository}
migrations = ""
[verify]
request_timeout = 2
[environment.staging]
branch = "staging"
url = "http://127.0.0.1:9/staging"
ssh_host = "staging"
publish = "manual"
[environment.production]
branch = "main"
url = "http://127.0.0.1:9/production"
ssh_host = "production"
publish = "manual"
guarded = true
aliases = ["prod"]
"""


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output, which is exactly one JSON document."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


def environment(env_dir: Path | None, **more: str) -> dict[str, str]:
    """A clean environment for a call."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        **({"AIRHOST_ENV_DIR": str(env_dir)} if env_dir else {}),
        **more,
    }


def invoke(*arguments: str, env_dir: Path | None = None, **more: str) -> Ended:
    """Run `invoke ARGUMENTS` in the desk's folder."""
    ended = subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=ROOT,
        env=environment(env_dir, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def configured(folder: Path, repository: Path, text: str = PIPELINE) -> Path:
    """A folder with a `pipeline.toml` for a checkout."""
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.toml").write_text(text.replace("{repository}", json.dumps(str(repository))))
    return folder
