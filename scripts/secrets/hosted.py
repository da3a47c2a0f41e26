"""What Supabase and GitHub have: names, and where they tell them the SHA-256 digests; never a value."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from scripts.errors import CommandFailed, Unreachable
from scripts.system.secret import Secret

PATIENCE = 15.0
PAGE = 100  # names a page of GitHub's
REMOTE = re.compile(r"(?:https?://|ssh://)?(?:[^@/]+@)?[^/:]+(?::\d+)?[/:]([\w.-]+)/([\w.-]+?)(?:\.git)?/?")


def supabase(api: str, project: str, token: Secret) -> dict[str, str]:
    """The secrets of a project: each name with the SHA-256 digest of its value.

    Raises:
        Unreachable: no answer, or the token is not accepted.
    """
    document = _get(f"{api.rstrip('/')}/v1/projects/{quote(project, safe='')}/secrets", token, "Supabase")
    if not isinstance(document, list):
        raise _odd("Supabase")
    return {str(each["name"]): str(each.get("value", "")) for each in document
            if isinstance(each, dict) and "name" in each}  # fmt: skip


def github(api: str, repository: str, environment: str, token: Secret) -> list[str]:
    """The names of a GitHub environment's secrets, every page of them.

    Raises:
        Unreachable: no answer, or the token is not accepted.
    """
    names: list[str] = []
    place = f"{api.rstrip('/')}/repos/{repository}/environments/{quote(environment, safe='')}/secrets"
    for page in range(1, 100):
        document = _get(f"{place}?per_page={PAGE}&page={page}", token, "GitHub")
        found = document.get("secrets") if isinstance(document, dict) else None
        if not isinstance(found, list):
            raise _odd("GitHub")
        names += [str(each["name"]) for each in found if isinstance(each, dict) and "name" in each]
        if len(found) < PAGE:
            break
    return names


def repository_of(remote: str) -> str | None:
    """`owner/name` of a remote's address; None for one that has no such form."""
    match = REMOTE.fullmatch(remote.strip())
    return f"{match[1]}/{match[2]}" if match else None


def _get(url: str, token: Secret, host: str) -> Any:
    import requests

    headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"}
    try:
        response = requests.get(url, headers=headers, timeout=PATIENCE, allow_redirects=False)
        status, document = response.status_code, response.json() if response.status_code == 200 else None
    except (requests.RequestException, ValueError) as fault:
        raise Unreachable(f"{host} gave no answer that can be read ({type(fault).__name__})") from None
    if status in (401, 403):
        raise Unreachable(
            f"{host} does not accept the token ({status})", "has it the right to read secrets?"
        )
    if status == 404:
        raise Unreachable(f"{host} knows no such project or environment, or hides it from this token (404)")
    if status != 200:
        raise Unreachable(f"{host} answered {status}")
    return document


def _odd(host: str) -> CommandFailed:
    return CommandFailed(f"{host} answered something else than a list of secrets")
