"""Which `.env` files git has: in its index, also if they are no longer on the disk, and in its history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scripts.config import env_files
from scripts.config.desk import Desk
from scripts.errors import CommandFailed, CommandTimedOut
from scripts.git.command import git_command
from scripts.secrets.classify import PublicNames
from scripts.secrets.local_values import is_known_to_all
from scripts.secrets.variables import EnvFile, Variable, secrets_among
from scripts.system.process import attempt

# in any folder of a checkout
FILES = (":(glob)**/.env", ":(glob)**/.env.*")
# these are made to be committed
COMMITTED = (".example", ".sample", ".template", ".dist", ".sops")
TIMEOUT = 10.0  # seconds for one question to git
MOST = 40  # files whose content is read


def tracked_env_files(desk: Desk, public: PublicNames, known: Iterable[Path]) -> Iterator[EnvFile]:
    """The `.env` files in git's index that hold a secret, with what is wrong about that.

    Args:
        known: files that are looked at elsewhere, as long as they exist.
    """
    seen = {path.resolve() for path in known if path.exists()}
    for folder in _checkouts(desk):
        for name, blob in list(_index(folder).items())[:MOST]:
            path = folder / name
            if path.resolve() in seen:
                continue
            content = _git(folder, ("cat-file", "blob", blob))
            if path.is_symlink() and path.is_file():
                content = path.read_text(encoding="utf-8", errors="replace")
            lines = env_files.parse_lines(content[: env_files.LARGEST])
            variables = tuple(Variable(key, value, name, number) for number, key, value in lines.entries)
            secrets = [
                each.name for each in secrets_among(variables, public) if not is_known_to_all(each.value)
            ]
            if secrets:
                yield EnvFile(
                    desk.settings.chain[-1], name, kind="tracked", exposed=(_told(name, secrets),)
                )


def _told(name: str, secrets: list[str]) -> tuple[str, str]:
    listed = ", ".join(f"`{secret}`" for secret in secrets[:3])
    more = f" and {len(secrets) - 3} more" if len(secrets) > 3 else ""
    return (
        f"it is in git with {listed}{more}, where everybody who can clone has it",
        f"`git rm --cached {name} && echo /{name} >>.gitignore`, commit, and rotate every secret in it",
    )


def past_env_files(desk: Desk) -> list[str]:
    """The `.env` files that any commit of the app's or the configuration's repository ever added."""
    names: set[str] = set()
    for folder in _checkouts(desk):
        added = ("log", "--all", "--diff-filter=A", "--format=", "--name-only", "-z", "--", *FILES)
        names |= {name.strip("\n") for name in _git(folder, added).split("\0")}
    return sorted(name for name in names if name and not name.endswith(COMMITTED))


def _checkouts(desk: Desk) -> list[Path]:
    """The top folders of the checkouts that the app and the configuration lie in."""
    tops = []
    for folder in (desk.git.folder, desk.config_folder):
        inside = (parent for parent in (folder, *folder.parents) if (parent / ".git").exists())
        tops += [top.resolve() for top in inside][:1]
    return list(dict.fromkeys(tops))


def _index(folder: Path) -> Mapping[str, str]:
    """The `.env` files of git's index, each with the id of its content."""
    rows = _git(folder, ("ls-files", "-s", "-z", "--", *FILES)).split("\0")
    pairs = (row.partition("\t") for row in rows if row)
    return {
        name: about.split(" ")[1]
        for about, _, name in pairs
        if not name.endswith(COMMITTED) and "node_modules/" not in name
    }


def _git(folder: Path, arguments: tuple[str, ...]) -> str:
    try:
        return attempt(git_command(folder, arguments, TIMEOUT)).text
    except (CommandFailed, CommandTimedOut):  # no git, or too slow: nothing is known
        return ""
