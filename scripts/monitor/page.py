"""`monitor.page`, and `status --web`: what there is to know, as one HTML file."""

from __future__ import annotations

import os
import webbrowser
from dataclasses import replace
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.errors import CommandFailed, UsageError
from scripts.language import language
from scripts.monitor.page_facts import collect
from scripts.monitor.page_html import render
from scripts.monitor.page_words import LANGUAGES
from scripts.monitor.request import MonitorPageRequest, OpenRequest
from scripts.release.request import StatusRequest
from scripts.release.status import status

FILE, FOLDER = "index.html", "page"


def page(desk: Desk, request: MonitorPageRequest) -> Outcome:
    """Look at everything, and write the page.

    Raises:
        Refused: there is no such language.
    """
    if request.lang not in ("", *LANGUAGES):
        raise UsageError(f"`{request.lang}` is no language of the page", "`invoke monitor.page --lang fr`")
    seen = status(desk, StatusRequest())
    if seen.code:
        return seen
    folder = Path(request.out) if request.out else desk.state_folder / FOLDER
    return _written(desk, seen, folder, request.lang, mode=0o644 if request.out else 0o600)


def show(desk: Desk, seen: Outcome) -> Outcome:
    """What `status` saw, as the page, in the browser."""
    made = _written(desk, seen, desk.state_folder / FOLDER, "", mode=0o600)
    address = Path(made.data["page"]).as_uri()
    opened = _has_display() and webbrowser.open(address)
    said = "in the browser" if opened else "no browser is here; open"
    return replace(
        seen,
        message=f"{seen.message}; {said}: {address}",
        data={**seen.data, "page": made.data["page"]},
    )


def open_environment(desk: Desk, request: OpenRequest) -> Outcome:
    """Open what an environment serves; with `--json`, or where no browser is, say its address alone."""
    environment = desk.settings.environment(request.env)
    opened = not request.json and _has_display() and webbrowser.open(environment.url)
    said = "in the browser" if opened else environment.name
    return Outcome.done(f"{said}: {environment.url}", url=environment.url, opened=bool(opened))


def _written(desk: Desk, seen: Outcome, folder: Path, chosen: str, mode: int) -> Outcome:
    text = render(collect(desk, seen.data), chosen or language())
    file, half = folder / FILE, folder / f".{FILE}.half"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        half.unlink(missing_ok=True)
        with os.fdopen(
            os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8"
        ) as out:
            out.write(text)
        half.replace(file)  # whoever serves it never serves half of it
    except OSError as fault:
        raise CommandFailed(f"`{file}` can't be written: {fault.strerror}") from fault
    size = file.stat().st_size
    return Outcome.done(f"`{file}`: {size / 1000:.0f} kB", page=str(file.resolve()), bytes=size)


def _has_display() -> bool:
    """Without one a browser in text mode would take the terminal."""
    return (
        bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
        or os.uname().sysname == "Darwin"
    )
