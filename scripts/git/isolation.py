"""A git folder of the desk's own, which has a checkout's objects and refs, but not its configuration.

What `.git` holds can run programs (`core.fsmonitor`, `core.sshCommand`, `uploadpack`, hooks, filters, merge
drivers) and change what git reads (`log.*`, `url.*.insteadOf`, attributes, grafts). It came with the
checkout, not from the person. So git is called on `.git/release-desk`: links to the refs and objects, a
copy of `HEAD`, a fixed configuration, and nothing else. It lies in `.git`, because a person's `includeIf
"gitdir:~/clients/"` goes by that.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from scripts.errors import CommandFailed
from scripts.git.environment import Setting, mask_headers, of_person
from scripts.system.background import submit
from scripts.system.command import Command, Result
from scripts.system.process import attempt

NAME = "release-desk"
CACHE = "cache"  # in our folder: what was read before; it may be removed at any time
TIMEOUT = 60.0  # seconds
# What is taken from the checkout's own configuration: where the remote is, whose checkout it is, and the
# token that CI's checkout action leaves there.
KEPT = re.compile(
    r"remote\..+\.(url|pushurl|promisor|partialclonefilter)|user\.(name|email)|http\.(.+\.)?extraheader",
    re.IGNORECASE | re.DOTALL,
)
# What a person would miss, if it were left out without a word.
MISSED = re.compile(
    r"core\.(sshcommand|gitproxy|askpass|hookspath|fsmonitor|attributesfile)|credential\..+|url\..+|http\..+"
    r"|remote\..+\.(uploadpack|receivepack|proxy|vcs)|(filter|merge|diff)\..+\.(clean|smudge|process|driver|textconv)",
    re.IGNORECASE | re.DOTALL,
)
FORMAT = ("extensions.objectformat", "extensions.refstorage", "extensions.partialclone")
SHARED = ("refs", "packed-refs", "objects", "shallow", "reftable")  # of all worktrees of a repository
_guard = threading.Lock()


class Checkout(NamedTuple):
    """How git is called for a folder of a checkout.

    Args:
        git_folder: the desk's own.
        index_file: the checkout's.
        work_tree: its top folder; None in a bare repository.
        settings: what is kept of its configuration and is not in the file of our folder.
        left_out: the names of settings that a person would miss.
        partial: objects may be missing here, and are fetched when they are read.
    """

    git_folder: Path
    index_file: Path
    work_tree: Path | None
    settings: tuple[Setting, ...]
    left_out: tuple[str, ...]
    partial: bool


_known: dict[Path, tuple[object, Checkout]] = {}  # by folder, with what the configuration looked like


def checkout_of(folder: Path) -> Checkout | None:
    """The checkout that a folder is in; None where git finds none.

    Raises:
        CommandFailed: `.git` can't be written, or belongs to somebody whom the person does not trust.
    """
    with _guard:
        known = _known.get(folder)
        if known and known[0] == _state(known[1]):
            return known[1]
        found = _read(folder)
        if found is not None:
            _known[folder] = _state(found), found
        return found


def left_out(folder: Path) -> tuple[str, ...]:
    """The names of settings in the checkout's own configuration that a person would miss."""
    checkout = checkout_of(folder)
    return checkout.left_out if checkout else ()


def unshallowed(folder: Path) -> None:
    """Take the mark of a shallow clone from the checkout, if git took it from our folder."""
    checkout = checkout_of(folder)
    if checkout is not None and not (checkout.git_folder / "shallow").is_symlink():
        (_common(checkout) / "shallow").unlink(missing_ok=True)


def _common(checkout: Checkout) -> Path:
    return (checkout.git_folder / "refs").resolve().parent


def _state(checkout: Checkout) -> object:
    """What changes when the configuration, `HEAD` or the shared files do, or our folder is gone."""
    try:
        files = (_common(checkout) / "config", checkout.git_folder.parent / "HEAD")
        stats = [file.stat() for file in files]
        shared = [(_common(checkout) / name).exists() for name in SHARED]
        return (
            checkout.git_folder.is_dir(),
            shared,
            [(each.st_mtime_ns, each.st_size, each.st_ino) for each in stats],
        )
    except OSError:
        return object()  # equal to nothing


def _read(folder: Path) -> Checkout | None:
    where = ("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir")
    config = ("config", "--local", "--includes", "--null", "--list")
    asked = [submit(_ask, folder, arguments) for arguments in (where, config)]
    place, listed = (answer.result() for answer in asked)
    lines = place.out.decode("utf-8", "surrogateescape").split("\n")
    if b"dubious ownership" in place.err:
        raise CommandFailed(
            f"git does not trust the checkout of `{folder}`: it has dubious ownership (another user's)",
            f"`git config --global --add safe.directory {shlex.quote(str(_top(folder)))}`",
        )
    if place.code or len(lines) < 2 or not lines[0].startswith("/"):
        return None
    settings = _pairs(listed)
    kept = tuple((key, value) for key, value in settings if KEPT.fullmatch(key))
    mask_headers(kept)
    git_folder, common = Path(lines[0]), Path(lines[1])
    own = git_folder / NAME
    try:
        _build(own, git_folder, common, _config(settings))
    except OSError as fault:
        raise CommandFailed(f"`{own}` can't be written: {fault.strerror}") from None
    return Checkout(
        git_folder=own,
        index_file=git_folder / "index",
        work_tree=_top(folder),
        settings=tuple((key, value) for key, value in kept if not key.startswith("remote.")),
        left_out=tuple(
            dict.fromkeys(key for key, _ in settings if MISSED.fullmatch(key) and not KEPT.fullmatch(key))
        ),
        partial=any(key.endswith(".promisor") for key, _ in kept),
    )


def _top(folder: Path) -> Path | None:
    return next((at for at in (folder, *folder.parents) if (at / ".git").exists()), None)


def _ask(folder: Path, arguments: tuple[str, ...]) -> Result:
    """Ask git itself about the checkout; neither verb runs what the configuration names."""
    return attempt(Command(("git", *arguments), cwd=folder, env=of_person(), timeout=TIMEOUT))


def _pairs(listed: Result) -> list[Setting]:
    """The settings of `git config --null --list`; a key without a value means true."""
    lines = listed.text.split("\0") if not listed.code else []
    return [
        (key, value if line else "true") for key, line, value in (each.partition("\n") for each in lines)
    ]


def _build(own: Path, git_folder: Path, common: Path, config: str) -> None:
    """Make our folder, or put right what differs. Several runs may do so at the same time.

    Raises:
        OSError: it can't be written.
    """
    if own.is_symlink():
        own.unlink()
    own.mkdir(exist_ok=True)
    own.chmod(git_folder.stat().st_mode & 0o777 & ~0o002)
    files = {"HEAD": (git_folder / "HEAD").read_text(errors="surrogateescape"), "config": config}
    # no link to what is not there: programs that walk through the checkout (`node --test`) fail on one
    links = {name: common / name for name in SHARED if (common / name).exists()}
    links |= {shared.name: shared for shared in git_folder.glob("sharedindex.*")}
    for entry in own.iterdir():
        if entry.name not in (*files, *links, "info", CACHE) and not entry.name.endswith(".lock"):
            _remove(entry)
    for name, target in links.items():
        _link(own / name, target)
    _write_info(own / "info", common / "info" / "exclude")
    mode = (common / "config").stat().st_mode & 0o755
    for name, text in files.items():
        _write(own / name, text, mode)


def _config(settings: list[Setting]) -> str:
    """The format of the repository and its remotes, for which git looks into a file alone."""
    formats = [(key.partition(".")[2], value) for key, value in settings if key in FORMAT]
    lines = ["[core]", f"repositoryformatversion = {1 if formats else 0}", "bare = true", "[extensions]"]
    lines += [f"{name} = {_quoted(value)}" for name, value in formats]
    for key, value in settings:
        if key.startswith("remote.") and KEPT.fullmatch(key):
            name, _, variable = key.removeprefix("remote.").rpartition(".")
            lines += [f"[remote {_quoted(name)}]", f"{variable} = {_quoted(value)}"]
    return "\n".join([*lines, ""])


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _write_info(info: Path, exclude: Path) -> None:
    """The files that the checkout ignores; none of the attributes and grafts beside that list."""
    info.mkdir(exist_ok=True)
    for entry in info.iterdir():
        if entry.name != "exclude" or not exclude.exists():
            _remove(entry)
    if exclude.exists():
        _link(info / "exclude", exclude)


def _link(link: Path, target: Path) -> None:
    path = os.path.relpath(target, link.parent)
    if link.is_symlink() and str(link.readlink()) == path:
        return
    part = _beside(link)
    part.unlink()
    part.symlink_to(path)
    if link.is_dir() and not link.is_symlink():
        _remove(link)
    part.replace(link)


def _write(file: Path, text: str, mode: int) -> None:
    with suppress(OSError):
        if not file.is_symlink() and file.read_text(errors="surrogateescape") == text:
            return
    part = _beside(file)
    part.write_text(text, errors="surrogateescape")
    part.chmod(mode)
    part.replace(file)


def _beside(path: Path) -> Path:
    """A new file of our own beside it, to be moved there, so that no reader sees half of it."""
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".lock", dir=path.parent)
    os.close(handle)
    return Path(name)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
