"""Certificates: one variable counts for every library and program."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.errors import ConfigError
from scripts.http import FetchError, fetch
from scripts.system import network
from scripts.system.command import inherited
from tests.support.servers import serving, text

KEY = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"


def forget() -> None:
    """What was read of the variables."""
    network.named_certificates.cache_clear()
    network.trusted.cache_clear()


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No variable is set but those of the test, and what is stored goes away with it."""
    for name in network.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    forget()
    yield
    forget()


def made(folder: Path) -> tuple[Path, Path]:
    """A key, and the certificate of `localhost` that it signs."""
    key, certificate = folder / "key.pem", folder / "private.pem"
    argv = (*KEY.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out")
    subprocess.run((*argv, str(certificate)), check=True, capture_output=True)
    return key, certificate


def test_any_variable_is_trusted_by_all_beside_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private certificate that git's variable names is taken by `requests`, and given to each program."""
    key, certificate = made(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving() as server:
        server.answers["/"] = text("hello")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = f"https://localhost:{server.server_address[1]}/"
        with pytest.raises(FetchError, match="not trusted"):
            fetch(url, seconds=5, most_bytes=100)
        forget()
        monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate))

        assert fetch(url, seconds=5, most_bytes=100).body == b"hello"

    given = {inherited()[name] for name in network.CERTIFICATES}
    (file,) = map(Path, given)
    assert certificate.read_bytes().strip() in file.read_bytes()
    assert file.read_text().count("BEGIN CERTIFICATE") > 50
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert network.check_certificates() == {"GIT_SSL_CAINFO": 1}


def test_nothing_is_given_where_nothing_is_named() -> None:
    """Each program has its own defaults then."""
    assert network.trusted() is None
    assert not set(inherited()) & set(network.CERTIFICATES)


def test_the_systems_own_file_is_not_parsed_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first certificate is; where that is none, all of it is, and named if there is none at all."""
    own = tmp_path / "system.pem"
    own.write_bytes(b"# authorities\n" + made(tmp_path)[1].read_bytes())
    monkeypatch.setattr(network, "SYSTEM", (str(own),))
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    counted: list[str] = []
    kept = network.check_certificates

    def check() -> dict[str, int]:
        counted.extend(kept())
        return {}

    monkeypatch.setattr(network, "check_certificates", check)
    assert (network.trusted(), counted) == (own, [])

    own.write_text(f"{'# ' * network.FIRST}\n{own.read_text()}")
    forget()
    assert (network.trusted(), counted) == (own, ["SSL_CERT_FILE"])

    for broken in ("", "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"):
        own.write_text(broken)
        forget()
        with pytest.raises(ConfigError, match="holds no certificate"):
            network.trusted()


def test_a_folder_that_another_user_can_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can write there decides whom the desk trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(made(tmp_path)[1]))
    folder = tmp_path / network.FOLDER.format(user=os.geteuid())
    folder.mkdir()
    folder.chmod(0o777)

    file = network.trusted()

    assert file is not None
    assert file.parent != folder
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o755


def test_what_can_not_be_read_is_named_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such file, and one that holds no certificate."""
    empty = tmp_path / "hosts"
    empty.write_text("127.0.0.1 localhost\n")
    for path, why in ((tmp_path / "none.pem", "No such file"), (empty, "holds no certificate")):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
        forget()
        with pytest.raises(ConfigError, match=why) as caught:
            network.trusted()
        assert f"`REQUESTS_CA_BUNDLE` names `{path}`" in caught.value.message
        assert "`unset REQUESTS_CA_BUNDLE`" in (caught.value.hint or "")
