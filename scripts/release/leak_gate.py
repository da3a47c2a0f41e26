"""The leak scan of a release: what was built, before it is published; and what is served, after."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Self

from scripts.config.access import headers_for
from scripts.errors import CommandFailed, DeskError, ReleaseFailed
from scripts.release.run import ReleaseRun
from scripts.secrets.bundle import read_archive
from scripts.secrets.finding import Finding, errors
from scripts.secrets.scan_command import scan_files, scan_inputs, scripts_elsewhere
from scripts.secrets.site import Site, read_site
from scripts.system.background import submit

Bundle = dict[str, bytes]


def scan_bundle(run: ReleaseRun, archive: bytes | None) -> Bundle:
    """Scan the built folder before it goes live; returns its files.

    Args:
        archive: the folder; None where it was scanned where it was built.

    Raises:
        ReleaseFailed: it carries a secret, or is not the bundle of this environment.
        Refused: it could not be read, so nobody knows.
    """
    desk, environment = run.desk, run.environment
    if archive is None:
        return {}
    with run.step("scan", f"what was built in {environment.place}"):
        files = read_archive(archive, environment.place)
        found = scan_files(desk, files, scan_inputs(desk, environment))
        _stop(run, found, "what was built may not be published")
    return files


class Reading:
    """The reading of what visitors get, which may begin while the last answers of a proof are awaited.

    What was read counts if none of these answers was a bad one, and if nothing is missing; otherwise all is
    read again. `with` ends a reading that nobody waits for any more.
    """

    def __init__(self, run: ReleaseRun) -> None:
        self._desk = run.desk
        self._environment = run.environment
        self._early: Future[Site] | None = None
        self._dropped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def begin(self) -> None:
        """Read, beside what else goes on. Only the first call does something."""
        if self._early is None:
            self._early = submit(self._read)

    def drop(self) -> None:
        """What was read so far, if anything, may be of another commit."""
        self._dropped = self._early is not None

    def site(self) -> Site:
        """What visitors get.

        Raises:
            DeskError: it can't be read.
        """
        if self._early and not self._dropped:
            with suppress(DeskError):
                seen = self._early.result()
                if _whole(seen):
                    return seen
        self.drop()
        return self._read_now()

    def _read(self) -> Site:
        return self._read_now(lambda: not self._dropped)

    def _read_now(self, wanted: Callable[[], bool] = lambda: True) -> Site:
        desk, environment = self._desk, self._environment
        headers = headers_for(desk, environment)
        return read_site(
            environment.url, desk.settings.verify.request_timeout, headers=headers, wanted=wanted
        )


def _whole(site: Site) -> bool:
    return site.complete and not site.missing


def scan_served(run: ReleaseRun, built: Bundle, reading: Reading) -> bool:
    """Scan what visitors get: a server may add to the bundle; returns whether all of it was read.

    A site that can't be read completely is only a warning here.

    Args:
        built: the files that were scanned before.
        reading: of the site; it may have begun.

    Raises:
        ReleaseFailed: the public address gives out a secret.
    """
    desk, url = run.desk, run.environment.url
    with run.step("scan", url):
        try:
            seen = reading.site()
        except CommandFailed as fault:
            desk.progress.note(f"warning: {fault.message}")
            return False
        whole = _whole(seen)
        if not whole:
            desk.progress.note(f"warning: {url} could not be scanned as a whole")
        looked_at = set(built.values())
        fresh = {name: data for name, data in seen.files.items() if data not in looked_at}
        anywhere = replace(scan_inputs(desk, run.environment), own={}, others=())
        found = scan_files(desk, fresh, anywhere) if fresh else ()
        # the bundle was scanned before it was published: no error, wherever the scripts lie
        elsewhere = (replace(each, severity="warning") for each in scripts_elsewhere(desk, seen))
        _stop(
            run,
            (*(each for each in found if each.rule != "LEAK006"), *elsewhere),
            f"{url} gives out what it should not",
        )
    return whole


def _stop(run: ReleaseRun, found: tuple[Finding, ...], what: str) -> None:
    """Errors stop a release. They never stop a rollback, but they are reported."""
    stopping = errors(found)
    if stopping and not run.plan.facts.rolls_back:
        listed = "".join(f"\n  | {each}" for each in stopping)
        raise ReleaseFailed(f"{what}:{listed}", stopping[0].hint)
    for each in found:
        run.desk.progress.note(f"{each}")
