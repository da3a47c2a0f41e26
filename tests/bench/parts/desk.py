"""The desk as people type it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.bench.clock import Spent, clean_env, spend
from tests.bench.plan import Broken

ROOT = Path(__file__).resolve().parents[3]


def program() -> tuple[str, ...]:
    """`invoke` of this Python."""
    script = Path(sys.executable).with_name("invoke")
    return (str(script),) if script.exists() else (sys.executable, "-m", "invoke")


def typed(*words: str, env_dir: Path, **env: str) -> Spent:
    """`invoke WORDS`, which must end with 0."""
    return spend(*program(), *words, cwd=ROOT, env=clean_env(AIRHOST_ENV_DIR=str(env_dir), **env))


def asked(*words: str, env_dir: Path) -> dict[str, Any]:
    """The document of `invoke WORDS --json`."""
    out = typed(*words, "--json", env_dir=env_dir).out
    document, _ = json.JSONDecoder().raw_decode(out[out.index("{") :])
    if not isinstance(document, dict):
        raise Broken(f"`invoke {' '.join(words)} --json` printed no document")
    return document
