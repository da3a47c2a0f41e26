"""Consent: before a change that matters, a person types a word, or CI has passed `--yes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.config.desk import Progress
from scripts.config.settings import Environment
from scripts.errors import Declined


def require_consent(
    progress: Progress,
    what: str | Environment,
    *,
    yes: bool,
    unchanged: str,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Return when somebody agreed. No configuration, variable or file can agree.

    Args:
        what: a person types its name, or an alias of the environment.
        yes: `--yes` was said.
        unchanged: what did not happen, for the message: "nothing was dropped".
        data: what the JSON document says when nobody agreed.

    Raises:
        Declined: nobody did.
    """
    word, aliases = (what, ()) if isinstance(what, str) else (what.name, what.aliases)
    if yes or progress.confirm(word, *aliases):
        return
    fault = Declined(f"not confirmed: {unchanged}", f"type `{word}` when asked, or say `--yes`")
    fault.data = dict(data or {})
    raise fault
