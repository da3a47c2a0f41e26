"""`load-test --master HOST`: work for the load test that another machine leads."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scripts.adapters.quality import locust_run
from scripts.domain.outcome import Outcome
from scripts.domain.quality.load_plan import caps
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed
from scripts.shell.runner import attempt, last_words
from scripts.workflows.quality import load_data
from scripts.workflows.toolbox import Toolbox

WAIT = 600.0  # seconds that the master may take to begin


def run(tools: Toolbox, environment: Environment, master: str) -> Outcome:
    """Make requests to the environment's own address, and to no other, until the master ends it.

    Raises:
        CommandFailed: the master is not there, was lost, or wants load on another address.
    """
    url, longest = environment.url.rstrip("/"), caps(environment).minutes * 60 + WAIT
    secrets = load_data.secrets(tools.values(environment), tools.settings.load)
    tools.progress.begin("work", f"for {master}, on {url}")
    with tempfile.TemporaryDirectory(prefix="load-") as place:
        ended = attempt(locust_run.worker_command(master, secrets, Path(place), url, longest))
    tools.progress.end("work", "failed" if ended.code else "done", ended.seconds)
    if ended.code:
        raise CommandFailed(f"the worker ended with {ended.code}{last_words(ended)}", exit_code=ended.code)
    return Outcome.done(f"worked for {master}; the verdict is there", environment=environment.name)
