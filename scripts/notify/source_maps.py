"""Source maps for Sentry: uploaded by the app's own `sentry-cli`, while the release goes on.

Best effort: what fails is a warning at the end. The workspace takes the maps out of what is published,
whatever comes of the upload.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from pathlib import Path, PurePosixPath

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.config.supabase_cli import places
from scripts.errors import DeskError
from scripts.notify.sentry import TOKEN, version
from scripts.system import temporary
from scripts.system.background import submit
from scripts.system.command import Command
from scripts.system.process import attempt, error_tail
from scripts.system.secret import redact

ENDINGS = (".js.map", ".mjs.map", ".cjs.map", ".css.map")
# Below `node_modules`: as npm, yarn and bun lay it out, as pnpm does, and the download of older versions.
FORMS = (
    "@sentry/cli-*/bin/sentry-cli",
    ".pnpm/node_modules/@sentry/cli-*/bin/sentry-cli",
    "@sentry/cli/sentry-cli",
)
LIMIT = 120.0  # seconds
Upload = Future[str]  # what went wrong, in words; "" for nothing


def begin(desk: Desk, environment: Environment, commit: str, built: Mapping[str, bytes]) -> Upload | None:
    """Upload the maps of what was built, with their scripts; None where there are none, or no Sentry."""
    if not desk.settings.sentry.organization or not any(name.endswith(ENDINGS) for name in built):
        return None
    maps = {name for name in built if name.endswith(ENDINGS)}
    files = {name: built[name] for name in built if name in maps or f"{name}.map" in maps}
    return submit(_upload, desk, environment, commit, files)


def report(desk: Desk, upload: Upload | None) -> None:
    """Wait for the upload, for `[notices] budget` seconds at most; say what went wrong."""
    if upload is None:
        return
    try:
        why = upload.result(timeout=desk.settings.notices.budget)
    except TooLate:
        why = "`sentry-cli` did not end in time"
    except DeskError as fault:
        why = fault.message
    except Exception as fault:  # noqa: BLE001 - our own bug is no reason to fail a release
        why = f"a fault of the desk ({type(fault).__name__})"
    if why:
        desk.progress.note(f"warning: Sentry has no source maps of this release: {redact(why)}")


def find(app: Path) -> Path | None:
    """The app's `sentry-cli`, its program itself; None where the app has none."""
    for folder in places(app):
        for form in FORMS:
            for found in sorted((folder / "node_modules").glob(form)):
                return found
    return None


def _upload(desk: Desk, environment: Environment, commit: str, files: Mapping[str, bytes]) -> str:
    sentry, token = desk.settings.sentry, desk.values(environment).get(TOKEN, "")
    program = find(desk.git.folder)
    if program is None:
        return "the app has no `sentry-cli` here: `npm install --save-dev @sentry/cli`"
    if not token:
        return f"`{TOKEN}` is not set"
    name = version(sentry, desk.settings.app.name, commit)
    with temporary.folder() as folder:
        for path, content in files.items():
            _write(folder, path, content)
        argv = [str(program), "sourcemaps", "upload", "--org", sentry.organization, "--release", name]
        argv += [word for project in sentry.projects for word in ("--project", project)]
        argv += ["--url-prefix", "~/", str(folder / "built")]
        env = {TOKEN: token, "SENTRY_URL": sentry.url, "HOME": str(folder), "SENTRY_LOG_LEVEL": "error"}
        ended = attempt(Command(tuple(argv), cwd=folder, env=env, timeout=LIMIT))
    return f"`sentry-cli` ended with {ended.code}{error_tail(ended)}" if ended.code else ""


def _write(folder: Path, name: str, content: bytes) -> None:
    """One file of the bundle. Its name comes from an archive: nothing is written beside the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return
    file = folder / "built" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
