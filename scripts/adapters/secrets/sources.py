"""Where the values of an environment lie: a private file, or one that SOPS has encrypted for git."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from scripts.adapters import env_files
from scripts.errors import CommandFailed, ConfigError
from scripts.shell.command import Command
from scripts.shell.environment import inherited
from scripts.shell.runner import attempt, last_words

# How SOPS finds its keys: age, PGP, and the clouds.
KEYS = (
    "SOPS_AGE_KEY SOPS_AGE_KEY_FILE SOPS_AGE_KEY_CMD SOPS_AGE_SSH_PRIVATE_KEY_FILE SOPS_KMS_ARN "
    "SOPS_PGP_FP GNUPGHOME AWS_PROFILE AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY "
    "AWS_SESSION_TOKEN GOOGLE_APPLICATION_CREDENTIALS "
    "AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID VAULT_ADDR VAULT_TOKEN"
).split()
PATIENCE = 30.0  # seconds: a key may lie in a cloud
EXAMPLES = (".example", ".sample", ".template")
LOOSE = stat.S_IRWXG | stat.S_IRWXO


def file_of(folder: Path, environment: str, provider: str) -> Path:
    """Where an environment's values lie."""
    return folder / f".env.{environment}{'.sops' if provider == 'sops' else ''}"


def text(file: Path, provider: str) -> str | None:
    """The clear text of an environment's file, in memory alone; None when there is none.

    Raises:
        ConfigError: it can't be read, it is not encrypted, or SOPS is missing.
        CommandFailed: SOPS could not decrypt it.
    """
    found = env_files.text(file)
    return decrypted(file, found) if provider == "sops" and found is not None else found


def decrypted(file: Path, cipher: str) -> str:
    """What SOPS makes of the file. The clear text comes through a pipe, and never touches a disk."""
    if "sops_mac=ENC[" not in cipher:
        raise ConfigError(
            f"`{file}` is not encrypted by SOPS, and files of that name go to git",
            f"`sops encrypt --input-type dotenv --output-type dotenv --in-place {file}`;"
            " rotate what was committed",
        )
    program = shutil.which("sops")
    if program is None:
        raise ConfigError(
            f"`{file}` needs the program `sops`, which is not installed",
            'https://getsops.io has it; or `[secrets] provider = "file"` in `pipeline.toml`',
        )
    kinds = ("--input-type", "dotenv", "--output-type", "dotenv")
    result = attempt(
        Command((program, "decrypt", *kinds, str(file)), env=inherited(KEYS), timeout=PATIENCE)
    )
    if result.code != 0:
        raise CommandFailed(
            f"`sops` could not decrypt `{file}`{last_words(result)}", "is `SOPS_AGE_KEY_FILE` set?"
        )
    return result.text


def mode(file: Path) -> int | None:
    """The file's permissions where others have some; None where nobody else may read it."""
    try:
        found = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return None
    return found if found & LOOSE else None


def env_files_in(folder: Path) -> list[Path]:
    """The `.env` files that lie in a folder, examples and encrypted ones left out."""
    if not folder.is_dir():
        return []
    return sorted(
        each
        for each in folder.iterdir()
        if (each.name == ".env" or each.name.startswith(".env."))
        and not each.name.endswith((*EXAMPLES, ".sops", ".part"))
        and each.is_file()
    )
