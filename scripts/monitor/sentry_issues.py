"""New issues of a release at Sentry: for `monitor.check` and for the watch window.

Whatever is wrong with Sentry itself says nothing about the app: it is `Refused`, which counts neither way.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import DeskError, Refused
from scripts.notify.sentry import Api, SentryRefused, version
from scripts.system.secret import redact
from scripts.system.text import sanitize_output

PAGE = 25  # issues that are asked for: no window allows as many
MOST_BYTES = 2 * 1024 * 1024  # of the answer that are read
SHOWN = 100  # characters of an issue's title
SCOPE = "`event:read`"


class Issues(NamedTuple):
    """How many there are, `PAGE` at most; the newest of them as `APP-1A: TypeError: x is undefined`."""

    number: int
    newest: str = ""


def new_issues(desk: Desk, environment: Environment, commit: str, seconds: float) -> Issues:
    """The unresolved errors that Sentry saw in this environment first in this release.

    Raises:
        Refused: it can't be asked, does not answer in time, or not as it is documented.
    """
    sentry = desk.settings.sentry
    name = version(sentry, desk.settings.app.name, commit)
    terms = ["is:unresolved", f'firstRelease:"{name}"', "level:[error, fatal]"]
    asked = {
        "query": " ".join([*terms, f"project:[{', '.join(sentry.projects)}]"]),
        "environment": environment.name,
        "sort": "new",
        "limit": str(PAGE),
    }
    api = Api(desk, environment, desk.clock() + seconds)
    try:
        answer = api.ask("GET", f"issues/?{urlencode(asked)}", scope=SCOPE, most_bytes=MOST_BYTES)
    except SentryRefused as fault:
        raise Refused(f"Sentry can't be asked: {fault}") from None
    except DeskError as fault:
        raise Refused(f"Sentry can't be asked: {fault.message.splitlines()[0]}") from None
    if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
        raise Refused("Sentry can't be asked: its answer is no list of issues")
    if not answer:
        return Issues(0)
    words = (str(answer[0].get(key) or "?") for key in ("shortId", "title"))
    return Issues(len(answer), " ".join(sanitize_output(redact(": ".join(words))).split())[:SHOWN])
