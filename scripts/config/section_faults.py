# pure
"""What the types of `pipeline.toml` can't express of its sections."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from scripts.config.addresses import keeps_secrets
from scripts.config.settings import E2E, App, Github, Secrets, Sentry, Verify
from scripts.git.identity import parse_identity

REMOTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,100}")
DAY = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")  # on GitHub
ACTOR = re.compile(r"(Integration|RepositoryRole|Team|User):[1-9][0-9]{0,17}")  # of GitHub's rulesets
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
API = re.compile(r"https?://[^\s/@?#]+(/[^\s@?#]*)?")
VERSION = re.compile(r"(?:\{app\}|[A-Za-z0-9@+._-]){0,60}\{commit\}(?:\{app\}|[A-Za-z0-9@+._-]){0,60}")


def path_faults(app: App, verify: Verify) -> list[str]:
    """Paths that would reach another host, or another folder, than they seem to."""
    faults = []
    if not REMOTE.fullmatch(app.remote):
        faults.append("`app.remote` should be the name that a remote has in the app's checkout, no address")
    if app.committer and parse_identity(app.committer) is None:
        faults.append("`app.committer` should be a name and an address: `Name <mail@example.com>`")
    if not app.version_path.startswith("/"):
        faults.append("`app.version_path` should begin with `/`")
    faults += [
        f"`verify.paths` should begin with `/`: `{path}`" for path in verify.paths if path[:1] != "/"
    ]
    faults += _folder_faults(app)
    if app.rollbacks and app.rollbacks.strip("/") == app.migrations.strip("/"):
        faults.append("`app.rollbacks` should not be `app.migrations`: the Supabase CLI would apply them")
    return faults


def e2e_faults(e2e: E2E) -> list[str]:
    """Two suites at once, or a report that lies elsewhere."""
    faults = []
    if e2e.path and (e2e.command or e2e.smoke_command):
        faults.append("`e2e.path` and `e2e.command` name two suites: one of them should go")
    if not is_below(e2e.report):
        faults.append("`e2e.report` should be a file below the app's folder")
    return faults


def _folder_faults(app: App) -> list[str]:
    """Folders of the app that would lead out of its repository."""
    faults = []
    if not is_below(app.output):
        faults.append("`app.output` should be a folder below the app's")
    faults += [
        f"`app.{key}` should be a folder such as `apps/web`, without `.` and `..`"
        for key in ("folder", "static")
        if getattr(app, key) and not is_below(getattr(app, key))
    ]
    lockfile = posixpath.normpath(posixpath.join(app.folder, app.lockfile))
    if not faults and lockfile.startswith(("../", "/")):
        faults.append("`app.lockfile` should be a file in the app's repository")
    return faults


def is_below(path: str) -> bool:
    """Whether a path names a folder below another one, and cannot lead out of it."""
    return not set(path.split("/")) & {"", ".", ".."}


def secrets_faults(secrets: Secrets) -> list[str]:
    """An exception needs a digest, a reason and an end, so that somebody can judge it again."""
    faults = ["`secrets.public_prefixes` should not hold an empty text"] * ("" in secrets.public_prefixes)
    for number, exception in enumerate(secrets.allow):
        path = f"`secrets.allow[{number}]"
        if not re.fullmatch(r"[0-9a-f]{64}", exception.sha256):
            faults.append(
                f"{path}.sha256` should be the 64 hex digits of the finding's `digest` (`--json`)"
            )
        if not re.fullmatch(r"LEAK[0-9]{3}|ENV00[67]", exception.rule):
            faults.append(f"{path}.rule` should be `ENV006`, `ENV007` or a rule of `env.scan`")
        if not exception.reason.strip():
            faults.append(f"{path}.reason` should say why this is no leak")
        if not DAY.fullmatch(exception.until):
            faults.append(f"{path}.until` should be a day, such as `2030-01-31`")
    return [*faults, *_api_faults(secrets)]


def _api_faults(secrets: Secrets) -> Iterator[str]:
    for key in ("supabase_api", "github_api"):
        address = getattr(secrets, key)
        if not API.fullmatch(address):
            yield f"`secrets.{key}` should be a bare http or https address"
        elif not keeps_secrets(address):
            yield f"`secrets.{key}` should be an https address: a token would travel unencrypted"


def github_faults(github: Github) -> Iterator[str]:
    """A repository and accounts that are no names as GitHub has them."""
    if github.repository and not REPOSITORY.fullmatch(github.repository):
        yield "`github.repository` should be the owner and the name: `owner/name`"
    for each in github.bypass:
        if not ACTOR.fullmatch(each):
            yield f"`github.bypass` should name kinds and numbers, such as `Integration:123`: `{each}`"


def sentry_faults(sentry: Sentry) -> Iterator[str]:
    """An organization, projects or a version that Sentry can't have."""
    if not all(SLUG.fullmatch(slug) for slug in filter(None, (sentry.organization, *sentry.projects))):
        yield "`sentry.organization` and `sentry.projects` should be slugs, as in Sentry's addresses"
    if bool(sentry.organization) != bool(sentry.projects):
        yield "`sentry.organization` and `sentry.projects` should both be set, or neither"
    if not API.fullmatch(sentry.url):
        yield "`sentry.url` should be a URL: `https://sentry.io`"
    elif not keeps_secrets(sentry.url):
        yield "`sentry.url` should be an https address: a token would travel unencrypted"
    if not VERSION.fullmatch(sentry.version):
        yield "`sentry.version` should have `{commit}` in it, and may have `{app}`: `{app}@{commit}`"
