"""`build = "artifact"`: build a commit on this machine, and push the very bytes that were scanned.

The ref `refs/deploy/artifact/<environment>/<commit>` is a commit without parents whose tree is the built
output; its message is one JSON line with a digest, which the ledger holds as well.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.config import places
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import CommandTimedOut, ReleaseFailed
from scripts.git.command import Update
from scripts.replit.build_log import quoted_reason
from scripts.replit.checkout import CleanCheckout
from scripts.replit.live import Expected
from scripts.state.held_lock import HeldLock
from scripts.state.ledger import REF
from scripts.state.remote import read_ledger
from scripts.system import temporary
from scripts.system.confinement import Confinement, confinement

ARTIFACTS = "refs/deploy/artifact/"
STAMP = "version.json"
SCRIPTS = (".js", ".mjs", ".css")  # the stamp names them by their digests
MAPS = (".js.map", ".mjs.map", ".cjs.map", ".css.map")
MOST_ASSETS = 2_000  # a stamp has to stay small
MOST_FILES = 20_000
MEGABYTE = 1_000_000


def artifact_ref(environment: str, commit: str) -> str:
    """The ref under which the launcher fetches a built commit."""
    return f"{ARTIFACTS}{environment}/{commit}"


@dataclass(frozen=True)
class Built:
    """What a build made.

    Args:
        files: path -> whether it is executable, and its bytes; what is pushed.
        maps: source maps, which are scanned and sent to Sentry, and not pushed.
    """

    files: Mapping[str, tuple[bool, bytes]]
    maps: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(data) for _, data in self.files.values())

    @property
    def digest(self) -> str:
        """SHA-256 over a line for each file, sorted: mode, SHA-256, path."""
        lines = sorted(
            f"{_mode(executable)} {hashlib.sha256(data).hexdigest()} {path}\n"
            for path, (executable, data) in self.files.items()
        )
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def archive(self) -> bytes:
        """All of it as a tar.gz, to be scanned."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
            for path, data in {**{p: d for p, (_, d) in self.files.items()}, **self.maps}.items():
                info = tarfile.TarInfo(f"./{path}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return buffer.getvalue()

    def document(self, commit: str, environment: str) -> dict[str, Any]:
        """What the message of its commit says."""
        return {
            "commit": commit,
            "environment": environment,
            "digest": self.digest,
            "files": len(self.files),
            "bytes": self.size,
        }


def build(desk: Desk, environment: Environment, expected: Expected) -> Built:
    """Check the commit out in a clean, confined place; install, build and stamp it there.

    Raises:
        ReleaseFailed: it can't be installed or built, or is too large.
        Refused: a variable of the build has no value.
    """
    app, said = desk.settings.app, list[str]()
    variables = desk.build_variables(environment)
    stamp = {
        "commit": expected.commit,
        "environment": environment.name,
        "schema": expected.schema,
        "built_at": desk.now(),
    }
    with confinement(places.hidden(desk)) as confined:
        checkout = CleanCheckout(confined, app)
        checkout.fill(desk, expected.commit)
        if app.static:
            static = checkout.folder / app.static
            static.mkdir(parents=True, exist_ok=True)
            confined.write(str((static / STAMP).relative_to(confined.place)), json.dumps(stamp))
        limit = desk.settings.replit.build_timeout
        try:
            code, step = checkout.run_install(said.append, limit, variables), "install"
            if not code and app.build:
                step = "build"
                code = checkout.run(app.build, checkout.folder, variables, limit, said.append)
        except CommandTimedOut:
            raise ReleaseFailed(
                f"the build of `{expected.commit[:12]}` took longer than {limit:g} s"
            ) from None
        if code:
            words = quoted_reason("\n".join(said))
            raise ReleaseFailed(f"the {step} of `{expected.commit[:12]}` ended with {code}{words}")
        made = _collected(confined, checkout.folder / app.output, environment)
    return _stamped(made, stamp, without_maps=bool(desk.settings.sentry.organization))


def push(desk: Desk, environment: Environment, commit: str, built: Built, lock: HeldLock) -> dict[str, Any]:
    """Push it under its ref, and delete refs that no way back needs; returns what the ledger is to hold."""
    document = built.document(commit, environment.name)
    with temporary.folder() as folder:
        files: dict[str, tuple[str, Path]] = {}
        for number, (path, (executable, data)) in enumerate(built.files.items()):
            copy = folder / str(number)
            copy.write_bytes(data)
            files[path] = _mode(executable), copy
        made = desk.git.commit_files(files, json.dumps(document) + "\n")
    refs = desk.git.ls_remote()
    ref = artifact_ref(environment.name, commit)
    gone = [Update(old, refs[old], None) for old in _old(desk, environment, refs, commit)]
    lock.push([Update(ref, refs.get(ref), made), *gone])
    return document


def _old(desk: Desk, environment: Environment, refs: Mapping[str, str], commit: str) -> list[str]:
    """The artifacts beyond those of the newest good releases, of what is live, and of this commit."""
    ledger = read_ledger(desk, desk.git.trusted(REF))
    good = dict.fromkeys(each.commit for each in ledger.good(environment.name))
    live = ledger.live(environment.name)
    kept = {commit, *([live.commit] if live else []), *list(good)[: environment.launcher.keep]}
    mine = artifact_ref(environment.name, "")
    return [ref for ref in refs if ref.startswith(mine) and ref.removeprefix(mine) not in kept]


def _mode(executable: bool) -> str:
    return "100755" if executable else "100644"


def _collected(confined: Confinement, output: Path, environment: Environment) -> Built:
    """The files of the output; a link, or anything else that is no plain file, is refused."""
    found: dict[str, tuple[bool, bytes]] = {}
    left = int(environment.launcher.largest_mb * MEGABYTE)
    real = output.resolve()
    if not (real.is_relative_to(confined.place.resolve()) and real.is_dir()):
        raise ReleaseFailed(f"the build left no folder `{output.name}`", "see `[app] output`")
    for folder, inner, names in os.walk(real, followlinks=False):
        links = [name for name in inner if Path(folder, name).is_symlink()]
        for name in sorted([*names, *links]):
            file = Path(folder, name)
            path = file.relative_to(real).as_posix()
            data = confined.read(str(file.relative_to(confined.place.resolve())), left)
            if data is None or len(found) >= MOST_FILES or not path.isprintable():
                raise _unfit(file, path, environment)
            left -= len(data)
            found[path] = bool(file.stat().st_mode & stat.S_IXUSR), data
    return Built(found)


def _unfit(file: Path, path: str, environment: Environment) -> ReleaseFailed:
    if file.is_symlink() or not file.is_file() or not path.isprintable():
        return ReleaseFailed(f"`{path!r}` in the built output is no plain file: it can't be pushed")
    return ReleaseFailed(
        f"what was built is larger than {environment.launcher.largest_mb:g} MB, or has more than"
        f" {MOST_FILES} files",
        f'raise `largest_mb` in `[environment.{environment.name}.launcher]`, or use `build = "there"`',
    )


def _stamped(built: Built, stamp: Mapping[str, Any], *, without_maps: bool) -> Built:
    """With its stamp, which names scripts and styles, and without source maps where Sentry gets them."""
    maps = {p: d for p, (_, d) in built.files.items() if without_maps and p.endswith(MAPS)}
    files = {path: row for path, row in built.files.items() if path not in maps}
    assets = sorted(
        {
            hashlib.sha256(data).hexdigest()[:16]
            for path, (_, data) in files.items()
            if path.endswith(SCRIPTS)
        }
    )
    named = {**stamp, "assets": assets} if 0 < len(assets) <= MOST_ASSETS else dict(stamp)
    return Built({**files, STAMP: (False, json.dumps(named).encode() + b"\n")}, maps)
