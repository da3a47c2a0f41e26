"""A commit becomes a folder that can be started: fetched, built, stamped, scanned.

A release is built where it will run, because builds write their own path into what they make; the marker
that is written last says that it is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from scripts.replit.launcher.child import OWNED, Spawn, reason_of, run_command
from scripts.replit.launcher.config import Config, app_environment
from scripts.replit.launcher.files import (
    HEX,
    MARKER,
    Journal,
    file_digest,
    fingerprint,
    free_bytes,
    in_thread,
    masked,
    read_json,
    remove_tree,
    tree_digest,
    utc_now,
    walk_files,
    write_atomically,
)
from scripts.replit.launcher.remote import Remote, RemoteProblem, Wanted
from scripts.replit.launcher.scan import scan_folder, secret_values
from scripts.replit.launcher.site import is_hashed, pack_files

LEAST_FREE = 100_000_000  # bytes below which old releases go first, and a build is not begun
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
MOST_ASSETS = 2_000  # that a stamp names; it has to stay small
NOT_CHECKED = ("node_modules", ".venv", "__pycache__", ".cache", "cache")


class PrepareFailed(Exception):
    """A commit did not become a release.

    Args:
        step: `fetch`, `refused`, `build` or `scan`.
        log: the last words of what failed, secrets masked.
        passes: it may fix itself: a remote that does not answer, a disk that is full.
    """

    def __init__(self, step: str, reason: str, log: str = "", *, passes: bool = False) -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason, self.log, self.passes = step, reason, log, passes


class Releases:
    """The folder of releases, and what makes one."""

    def __init__(self, config: Config, remote: Remote, journal: Journal) -> None:
        self._config, self._remote, self._journal = config, remote, journal
        self._folder = config.state / "releases"
        self._verified: set[str] = set()

    def folder(self, commit: str) -> Path:
        """Where the release of a commit is, or would be."""
        return self._folder / commit

    def ready(self) -> list[str]:
        """The commits whose releases are whole."""
        if not self._folder.is_dir():
            return []
        return sorted(
            path.name
            for path in self._folder.iterdir()
            if HEX.fullmatch(path.name) and (path / MARKER).is_file()
        )

    def is_ready(self, commit: str) -> bool:
        """Whether a release can be started as it is; one that was altered since is thrown away.

        Its files are looked at once in the life of this process.
        """
        folder = self.folder(commit)
        if not HEX.fullmatch(commit) or not (folder / MARKER).is_file():
            return False
        if commit not in self._verified and not self._is_intact(folder, commit):
            self._journal.say(f"the release {commit[:12]} is damaged: it is thrown away")
            remove_tree(folder)
            return False
        self._verified.add(commit)
        return True

    def forget(self, commit: str) -> None:
        """Have the files of a release looked at again before its next start."""
        self._verified.discard(commit)

    def _is_intact(self, folder: Path, commit: str) -> bool:
        marker = read_json(folder / MARKER)
        files = marker.get("files")
        if marker.get("commit") != commit or not isinstance(files, dict) or not files:
            return False
        try:
            return all(fingerprint(folder / name) == digest for name, digest in files.items())
        except OSError:
            return False

    async def prepare(self, commit: str, wanted: Wanted, tell: Callable[[str], None]) -> None:
        """Make the release; `tell` hears which step is at work.

        Raises:
            PrepareFailed: it can't be made. Nothing is left of it.
        """
        folder = self.folder(commit)
        await in_thread(lambda: remove_tree(folder))
        try:
            if free_bytes(self._config.state) < LEAST_FREE:
                raise PrepareFailed("build", "the disk is full", passes=True)  # noqa: TRY301 - cleaned up below
            folder.mkdir(parents=True)
            await self._make(commit, folder, wanted, tell)
        except BaseException as fault:
            await in_thread(lambda: remove_tree(folder))
            if isinstance(fault, RemoteProblem):
                raise PrepareFailed("fetch", str(fault), passes=True) from fault
            if isinstance(fault, OSError):
                raise PrepareFailed("build", reason_of(fault), passes=True) from fault
            raise
        self._verified.add(commit)

    async def _make(self, commit: str, folder: Path, wanted: Wanted, tell: Callable[[str], None]) -> None:
        tell("fetching")
        await self._fetch(commit, wanted)
        if self._config.build == "artifact":
            await self._take_artifact(commit, folder, wanted)
        else:
            await self._remote.export(commit, folder)
            await in_thread(lambda: refuse_incomplete(folder))
            tell("building")
            await self._build(commit, folder)
            await in_thread(lambda: self._stamp(commit, folder))
        tell("scanning")
        await in_thread(lambda: self._finish(commit, folder))

    async def _fetch(self, commit: str, wanted: Wanted) -> None:
        """Have the commit here, and know that this environment may run it."""
        if commit not in wanted.candidates.values() or not await self._remote.has(commit):
            await self._remote.fetch(commit, wanted)
        if not await self._remote.has(commit):
            raise PrepareFailed("refused", f"the remote has no commit {commit}")
        reachable = wanted.branch is not None and await self._remote.is_reachable(commit)
        if commit not in wanted.candidates.values() and not reachable:
            where = f"the branch `{self._config.branch}`"
            raise PrepareFailed("refused", f"{commit[:12]} is neither on {where} nor a candidate")

    async def _take_artifact(self, commit: str, folder: Path, wanted: Wanted) -> None:
        if commit not in wanted.artifacts:
            raise PrepareFailed("fetch", f"nothing was built for {commit[:12]} yet", passes=True)
        told = parsed_object(await self._remote.fetch_artifact(commit))
        await self._remote.export(f"refs/launcher/artifact/{commit}", folder)
        digest, files, size = await in_thread(lambda: tree_digest(folder))
        if told.get("commit") != commit or told.get("environment") != self._config.environment:
            raise PrepareFailed("refused", "the artifact was built for another commit or environment")
        if told.get("digest") != digest:
            raise PrepareFailed(
                "refused", f"the artifact's {files} files ({size} bytes) have another digest"
            )

    async def _build(self, commit: str, folder: Path) -> None:
        config = self._config
        variables = {**app_environment(), "RELEASE_COMMIT": commit, OWNED: str(config.state)}
        secrets = secret_values(dict(os.environ))
        for name, argv in (("install", config.install), ("build", config.build_command)):
            if argv is None:
                continue
            self._journal.say(f"{name} of {commit[:12]}: {' '.join(argv)}")

            def keep(data: bytes) -> None:
                text = masked(data.decode("utf-8", "replace"), secrets)
                self._journal.put(text.encode("utf-8", "replace"), keep=True)

            what = Spawn(argv, folder, variables, nice=10)
            ended = await run_command(what, config.build_seconds, tell=keep)
            if (ended.code or 0) < 0:  # killed, perhaps for want of memory: once more
                ended = await run_command(what, config.build_seconds, tell=keep)
            if ended.code != 0:
                why = "took too long" if ended.code is None else f"ended with {ended.code}"
                if free_bytes(config.state) < LEAST_FREE // 10:
                    why += ", and the disk is full"
                raise PrepareFailed("build", f"the {name} {why}", masked(ended.tail, secrets))

    def _stamp(self, commit: str, folder: Path) -> None:
        """`version.json`, the proof of what is live; it names the scripts and styles that were built."""
        public = self._config.public(folder)
        if not public.is_dir():
            raise PrepareFailed("build", f"the build left no folder {self._config.static}")
        named = (path for path in walk_files(public, NOT_CHECKED) if path.suffix in (".js", ".mjs", ".css"))
        assets = sorted({file_digest(path)[:16] for path in named if path.is_file()})
        stamp: dict[str, Any] = {
            "commit": commit,
            "environment": self._config.environment,
            "schema": None,
            "built_at": utc_now(),
        }
        if assets and len(assets) <= MOST_ASSETS:
            stamp["assets"] = assets
        write_atomically(public / "version.json", json.dumps(stamp) + "\n")

    def _finish(self, commit: str, folder: Path) -> None:
        self._scan(folder)
        if self._config.run is None:
            pack_files(self._config.public(folder))
        self._mark(commit, folder)

    def _scan(self, folder: Path) -> None:
        if self._config.static is None:
            return
        findings = scan_folder(self._config.public(folder), os.environ)
        if findings:
            raise PrepareFailed(
                "scan", f"{len(findings)} leaks: {findings[0]}", "\n".join(findings)[:8_000]
            )

    def _mark(self, commit: str, folder: Path) -> None:
        """The digests of all files but installed packages; and with them that the release is whole."""
        files = {
            path.relative_to(folder).as_posix(): fingerprint(path)
            for path in walk_files(folder, NOT_CHECKED)
            if path.is_file() and not path.is_symlink()
        }
        if not files:
            raise PrepareFailed("build", "the commit has no files")
        write_atomically(folder / MARKER, json.dumps({"commit": commit, "at": utc_now(), "files": files}))

    def snapshot(self) -> str | None:
        """The commit that the app's own folder was built from, by its stamp; None if it does not say."""
        stamp = read_json(self._config.public(self._config.home) / "version.json")
        commit = str(stamp.get("commit"))
        is_ours = stamp.get("environment") in (None, self._config.environment)
        return commit if HEX.fullmatch(commit) and is_ours else None

    def carry_assets(self, commit: str, onto: Path) -> None:
        """Pages that are open still ask for the hashed files of the release before: they stay to be had."""
        before = self.folder(commit)
        if self._config.static is None or before == onto:
            return
        root, target = self._config.public(before), self._config.public(onto)
        own = read_json(before / MARKER).get("files")
        for name in own if isinstance(own, dict) else ():
            path = before / name
            if not path.is_relative_to(root) or not is_hashed(path.relative_to(root).as_posix()):
                continue
            place = target / path.relative_to(root)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, place)
            except OSError:  # it has it itself, or the disk is full: the switch goes on
                continue

    async def prune(self, keep: Iterable[str], order: list[str]) -> None:
        """Throw away what is neither named by `keep` nor among the latest of `order`."""
        kept, gone = {*keep, *order[: self._config.keep]}, []
        for path in list(self._folder.iterdir()) if self._folder.is_dir() else ():
            if ".gone-" in path.name:  # a launcher that was killed left it, or another task is at it
                gone.append(path)
            elif path.name not in kept:
                self._verified.discard(path.name)
                gone.append(path.with_name(f"{path.name}.gone-{os.urandom(4).hex()}"))
                path.rename(gone[-1])  # no release from now on; to remove it takes long
        for path in gone:
            await in_thread(partial(remove_tree, path))
        for left in self._config.state.glob("*.part"):
            left.unlink(missing_ok=True)


def refuse_incomplete(folder: Path) -> None:
    """A checkout that git alone can't complete would be built, and served, with pointers in place of files.

    Raises:
        PrepareFailed: it has submodules, or files that are in Git LFS.
    """
    if (folder / ".gitmodules").exists():
        raise PrepareFailed("refused", "the commit has submodules, which the launcher does not fetch")
    for path in walk_files(folder):
        small = path.is_file() and not path.is_symlink() and path.stat().st_size < 1_024
        if small and path.read_bytes().startswith(LFS_POINTER):
            name = path.relative_to(folder).as_posix()
            raise PrepareFailed("refused", f"`{name}` is in Git LFS, which the launcher does not fetch")


def parsed_object(text: str) -> dict[str, Any]:
    """The object of a line; an empty one for anything else."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
