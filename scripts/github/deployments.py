"""GitHub is told what is live: a deployment of the environment, a status of the commit, a release.

Best effort: what fails is said, and nothing waits longer than `[notices] budget`. A run that is told of
twice has one deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote, urlencode

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.github.client import Github, refused
from scripts.github.remote import hub_of
from scripts.notify.aside import meanwhile
from scripts.system.secret import redact

State = Literal["success", "failure", "error"]
LONGEST = 140  # characters of a description, as GitHub takes them
CONTEXT = "release desk"


@dataclass(frozen=True)
class Told:
    """A run that has ended.

    Args:
        release: `v41`; "" where it has none.
        notes: of a release that is published as one on GitHub too; "" for none.
        log: the address of the CI job; "" for none.
    """

    run: str
    commit: str
    state: State
    words: str
    release: str = ""
    notes: str = ""
    log: str = ""


@contextmanager
def telling(desk: Desk, environment: Environment, told: Told) -> Iterator[None]:
    """Tell GitHub while the block runs; say what failed."""
    with _telling(desk, environment, lambda hub: _tell(hub, environment, told)):
        yield


def tell_proof(
    desk: Desk, environment: Environment, what: str, commit: str, *, passed: bool, words: str = ""
) -> None:
    """A status of the commit for a proof: `release desk: e2e full on staging`."""
    status = {
        "state": "success" if passed else "failure",
        "context": f"{CONTEXT}: {what} on {environment.name}",
        "description": words or ("passed" if passed else "failed"),
        "target_url": environment.url,
    }
    with _telling(desk, environment, lambda hub: _status(hub, commit, status)):
        pass


def _telling(desk: Desk, environment: Environment, tell: Callable[[Github], None]) -> Any:
    hub = hub_of(desk, [environment]) if desk.settings.github.tell else None
    if hub is None:
        return nullcontext()
    quick = replace(hub, patience=desk.settings.notices.budget)
    return meanwhile(desk, lambda _until: tell(quick), f"GitHub ({hub.repository})", ())


def _tell(hub: Github, environment: Environment, told: Told) -> None:
    _deployment(hub, environment, told)
    status = {
        "state": told.state,
        "context": f"{CONTEXT}: {environment.name}",
        "description": told.words,
        "target_url": environment.url,
    }
    _status(hub, told.commit, status)
    if told.notes:
        _release(hub, environment, told)


def _deployment(hub: Github, environment: Environment, told: Told) -> None:
    asked = urlencode({"sha": told.commit, "environment": environment.name})

    def there() -> Mapping[str, Any] | None:
        rows = hub.rows(f"/deployments?{asked}", what="deployments")
        return next((each for each in rows if _run_of(each) == told.run), None)

    document = {
        "ref": told.commit,
        "task": "deploy",
        "auto_merge": False,
        "required_contexts": [],
        "environment": environment.name,
        "production_environment": environment.guarded,
        "description": _short(told.words),
        "payload": {"run": told.run, "release": told.release},
    }
    made, _ = hub.create("/deployments", document, there, "record a deployment", "Deployments: write")
    status = {
        "state": told.state,
        "environment": environment.name,
        "environment_url": environment.url,
        "description": _short(told.words),
        **({"log_url": told.log} if told.log else {}),
    }
    answered, said = hub.post(f"/deployments/{made['id']}/statuses", status)
    if answered != 201:
        raise refused(answered, said, "record how a deployment ended", "Deployments: write")


def _run_of(deployment: Mapping[str, Any]) -> object:
    payload = deployment.get("payload")
    return payload.get("run") if isinstance(payload, Mapping) else None


def _status(hub: Github, commit: str, status: Mapping[str, str]) -> None:
    document = {**status, "description": _short(status["description"])}
    answered, said = hub.post(f"/statuses/{commit}", document)
    if answered != 201:
        raise refused(answered, said, "record a status of the commit", "Commit statuses: write")


def _release(hub: Github, environment: Environment, told: Told) -> None:
    tag = f"{environment.name}-{told.release}"

    def there() -> Mapping[str, Any] | None:
        status, document, _ = hub.get(f"/releases/tags/{quote(tag, safe='')}")
        return document if status == 200 and isinstance(document, Mapping) else None

    document = {
        "tag_name": tag,
        "target_commitish": told.commit,
        "name": f"{environment.name} {told.release}",
        "body": told.notes,
    }
    hub.create("/releases", document, there, "publish a release", "Contents: write")


def _short(text: str) -> str:
    line = " ".join(redact(text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
