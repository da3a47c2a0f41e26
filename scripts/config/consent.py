"""Consent: before a change that matters, a person types a word, or CI has passed `--yes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.config.desk import Progress
from scripts.errors import Declined


def require_consent(
    progress: Progress, word: str, *, yes: bool, unchanged: str, data: Mapping[str, Any] | None = None
) -> None:
    """Return when somebody agreed. No configuration, variable or file can agree.

    Args:
        word: what a person types: the name of the environment, or of the task.
        yes: `--yes` was said.
        unchanged: what did not happen, for the message: "nothing was dropped".
        data: what the JSON document says when nobody agreed.

    Raises:
        Declined: nobody did.
    """
    if yes or progress.confirm(word):
        return
    fault = Declined(f"nobody confirmed: {unchanged}", f"type `{word}` when asked, or say `--yes`")
    fault.data = dict(data or {})
    raise fault
