"""Pull requests: find the open one from a branch into another, or open it."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

from scripts.errors import CommandFailed
from scripts.github.client import Github


class Pull(NamedTuple):
    """A pull request; `opened`: just now."""

    number: int
    url: str
    opened: bool


def find_or_open(hub: Github, head: str, base: str, title: str, body: str) -> Pull:
    """The open pull request from `head` into `base`; a new one where there is none.

    Raises:
        Unreachable: GitHub gave no answer.
        CommandFailed: it opens none.
    """
    owner = hub.repository.partition("/")[0]
    query = f"head={quote(f'{owner}:{head}', safe='')}&base={quote(base, safe='')}&state=open"
    _, found, _ = hub.get(f"/pulls?{query}")
    if isinstance(found, list) and found and (pull := _pull(found[0], opened=False)):
        return pull
    status, made = hub.post("/pulls", {"title": title, "head": head, "base": base, "body": body})
    if status == 201 and (pull := _pull(made, opened=True)):
        return pull
    said = made.get("message") if isinstance(made, dict) else None
    raise CommandFailed(
        f"GitHub opens no pull request from `{head}` into `{base}` ({status}{f': {said}' if said else ''})",
        "give the token the right `Pull requests: write`",
    )


def compare_url(repository: str, head: str, base: str) -> str:
    """The page on GitHub where a person opens the pull request."""
    return f"https://github.com/{repository}/compare/{quote(base)}...{quote(head)}?expand=1"


def _pull(document: Any, *, opened: bool) -> Pull | None:
    number, url = (
        (document.get(key) for key in ("number", "html_url")) if isinstance(document, dict) else (0, "")
    )
    return Pull(number, url, opened) if isinstance(number, int) and isinstance(url, str) else None
