"""What a load test needs and leaves: the secrets of its log-ins, and the rows that it wrote."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.adapters.database.sweep import sweep
from scripts.domain.quality.load_settings import LoadSettings
from scripts.domain.settings import Environment
from scripts.errors import DeskError
from scripts.workflows.toolbox import Toolbox


def secrets(values: Mapping[str, str], load: LoadSettings) -> dict[str, str]:
    """What the generator's processes get in their environment, where it is set."""
    names = {
        "LOAD_ACCOUNTS": "LOAD_ACCOUNTS",
        "LOAD_WHATSAPP_SECRET": "WHATSAPP_APP_SECRET",
        "LOAD_REST_KEY": load.rest_key,
    }
    return {theirs: values[ours] for theirs, ours in names.items() if values.get(ours)}


def remove(tools: Toolbox, environment: Environment, run: str) -> tuple[str, ...]:
    """Take out what the run wrote; what can't be taken out, and how to find it."""
    mark = f"everything that this run wrote has `load-{run}-` in its mail address or WhatsApp id"
    statements = [each.replace("{run}", run) for each in tools.settings.load.cleanup]
    try:
        postgres = tools.postgres(environment)
        if postgres is None or not statements:
            return (f"test data is left, there is nothing to remove it with: {mark}",)
        taken = sweep(postgres, statements)
    except DeskError as fault:
        return (f"test data is left ({fault.message.splitlines()[0]}): {mark}",)
    tools.progress.note(f"{taken} rows of test data removed")
    return ()
