"""`env.scan`: whether a built bundle, or a served site, carries a secret."""

from __future__ import annotations

from pathlib import Path

from scripts.adapters.secrets import published, site
from scripts.domain.outcome import Outcome
from scripts.domain.secrets.finding import Finding
from scripts.domain.secrets.scan import Known, allowed, scan
from scripts.errors import Refused
from scripts.workflows.secrets.canary import build_with_marks
from scripts.workflows.secrets.check import reported
from scripts.workflows.secrets.known import known
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, what: str, env: str | None, canary: bool) -> Outcome:
    """A folder, or an address; with `canary`, a build of the app's checkout."""
    target = tools.settings.environment(env) if env else None
    if canary:
        return build_with_marks(tools, Path(what).expanduser(), target)
    if not what:
        raise Refused("what is to be scanned?", "`invoke env.scan dist`, or `invoke env.scan https://...`")
    beforehand = known(tools, target)
    files = site_of(tools, what) if "://" in what else published.folder(Path(what).expanduser())
    found = judged(tools, files, beforehand)
    size = sum(len(data) for data in files.values()) / 1e6
    return reported(found, f"{what}, {len(files)} files, {size:.1f} MB")


def site_of(tools: Toolbox, url: str) -> dict[str, bytes]:
    """The files of a served site.

    Raises:
        Refused: it could not be read as a whole, so nobody knows.
    """
    seen = site.read(url, tools.settings.verify.request_timeout)
    if not seen.whole or seen.missing:
        why = (
            f"it lacks {', '.join(f'`{each}`' for each in seen.missing[:5])}"
            if seen.missing
            else "it is too large"
        )
        raise Refused(
            f"{url} could not be read as a whole: {why}", "scan the folder that was built instead"
        )
    return seen.files


def judged(tools: Toolbox, files: dict[str, bytes], beforehand: Known) -> tuple[Finding, ...]:
    """The findings, without those that somebody has looked at and excused."""
    return allowed(scan(files, beforehand), tools.settings.secrets.allow, tools.now()[:10])
