"""The leak scan of a release: what was built, before it is published; and what is served, after."""

from __future__ import annotations

from dataclasses import replace

from scripts.config.access import headers_for
from scripts.errors import CommandFailed, ReleaseFailed
from scripts.release.run import ReleaseRun
from scripts.secrets.bundle import read_archive
from scripts.secrets.finding import Finding, errors
from scripts.secrets.scan_command import scan_files, scan_inputs, scripts_elsewhere
from scripts.secrets.site import read_site

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


def scan_served(run: ReleaseRun, built: Bundle) -> bool:
    """Scan what visitors get: a server may add to the bundle; returns whether all of it was read.

    A site that can't be read completely is only a warning here.

    Args:
        built: the files that were scanned before.

    Raises:
        ReleaseFailed: the public address gives out a secret.
    """
    desk, url = run.desk, run.environment.url
    with run.step("scan", url):
        try:
            headers = headers_for(desk, run.environment)
            seen = read_site(url, desk.settings.verify.request_timeout, headers=headers)
        except CommandFailed as fault:
            desk.progress.note(f"warning: {fault.message}")
            return False
        whole = seen.complete and not seen.missing
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
