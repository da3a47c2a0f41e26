"""What is encrypted comes back as it was, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyrage
import pytest

from scripts.database.backups import encryption
from scripts.errors import ConfigError, Refused
from scripts.system.secret import Secret

KEY = pyrage.x25519.Identity.generate()
IDENTITY = Secret(f"# created: today\n{KEY}\n")
RECIPIENT = str(KEY.to_public())
TEXT = b"rows\n" * 30_000


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    (tmp_path / "plain").write_bytes(TEXT)
    encryption.encrypt(tmp_path / "plain", tmp_path / "plain.age", [RECIPIENT])
    return tmp_path / "plain.age"


def test_a_file_comes_back_with_the_same_measures(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(TEXT)
    measures = encryption.encrypt(tmp_path / "plain", tmp_path / "plain.age", [RECIPIENT])

    assert measures[:2] == (len(TEXT), hashlib.sha256(TEXT).hexdigest())
    assert measures[2:] == encryption.measure(tmp_path / "plain.age")
    assert encryption.decrypt(tmp_path / "plain.age", tmp_path / "back", IDENTITY) == measures
    assert (tmp_path / "back").read_bytes() == TEXT


def test_a_file_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    with encryption.create_private(tmp_path / "file"):
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        encryption.create_private(tmp_path / "file")


def test_another_key_is_refused(encrypted: Path) -> None:
    other = Secret(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(Refused, match="not encrypted for the key") as caught:
        encryption.decrypt(encrypted, encrypted.with_name("back"), other)
    assert "BACKUP_IDENTITY" in str(caught.value.hint)


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_damaged_file_is_refused(encrypted: Path, damage: str) -> None:
    content = encrypted.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    encrypted.write_bytes(flipped if damage == "flip" else content[:middle])

    with pytest.raises(Refused, match="is damaged"):
        encryption.decrypt(encrypted, encrypted.with_name("back"), IDENTITY)


@pytest.mark.parametrize("key", ["age1nonsense", "", "AGE-SECRET-KEY-1X", "ssh-rsa nonsense"])
def test_a_recipient_that_is_no_key_is_a_fault_of_the_configuration(key: str) -> None:
    with pytest.raises(ConfigError, match="no public age key") as caught:
        encryption.check_recipients([RECIPIENT, key])
    assert ("secret key" in caught.value.message) == key.startswith("AGE-SECRET")


@pytest.mark.parametrize("text", ["", "nonsense", "AGE-SECRET-KEY-1NONSENSE"])
def test_an_identity_that_is_no_key_is_a_fault_of_the_configuration(text: str) -> None:
    with pytest.raises(ConfigError, match="BACKUP_IDENTITY"):
        encryption.identities(Secret(text))
