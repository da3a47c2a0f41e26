"""The token of a GitHub App: asked for with its key, once, and again before it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scripts.errors import ConfigError, Unreachable
from scripts.github import app_token
from scripts.github.app_token import Installation
from scripts.github.client import API
from scripts.github.remote import from_process
from scripts.system.secret import Secret

NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def pair() -> Any:
    """A key of an app."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def key(tmp_path: Path, pair: Any) -> Path:
    """Its file, as GitHub gives it."""
    file = tmp_path / "app.pem"
    file.touch(mode=0o600)
    file.write_bytes(pair.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    return file


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, pair: Any) -> list[tuple[str, Any]]:
    """GitHub, which looks at the signature; tokens end after an hour."""
    seen: list[tuple[str, Any]] = []

    def answer(url: str, own: Secret, _timeout: float, _headers: Any, sends: Any) -> tuple[int, Any, Any]:
        claims = jwt.decode(
            own.reveal(),
            pair.public_key(),
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False},
        )
        assert claims["iss"] == "123"
        assert claims["exp"] - claims["iat"] <= 600
        seen.append((url.removeprefix(API), sends))
        if sends is None:
            return (200, {"id": 7}, {}) if "/o/r/" in url else (404, {}, {})
        return 201, {"token": f"ghs_token{len(seen)}", "expires_at": "2023-11-14T23:13:20Z"}, {}

    monkeypatch.setattr(app_token, "get_json", answer)
    return seen


def test_a_token_is_used_until_it_nearly_ends(key: Path, asked: list[tuple[str, Any]]) -> None:
    """For this repository alone."""
    now = [NOW]
    app = Installation("o/r", "123", key, API, now=lambda: now[0])
    tokens = []
    for passed in (0, 3200, 3400):
        now[0] = NOW + passed
        tokens.append(app.current().reveal())

    assert tokens == ["ghs_token2", "ghs_token2", "ghs_token4"]
    assert asked[:2] == [
        ("/repos/o/r/installation", None),
        ("/app/installations/7/access_tokens", {"repositories": ["r"]}),
    ]


def test_an_app_that_is_not_installed_says_so(key: Path, asked: list[tuple[str, Any]]) -> None:
    """With what helps."""
    with pytest.raises(Unreachable, match=r"gives the app `123` no token for `o/other` \(404\)"):
        Installation("o/other", "123", key, API).current()


def test_a_key_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Never its text; one that others can read is not used."""
    file = tmp_path / "app.pem"
    with pytest.raises(ConfigError, match=r"names no private key that can be used \(FileNotFoundError\)"):
        Installation("o/r", "123", file, API).current()
    file.touch(mode=0o600)
    file.write_text("-----BEGIN nothing")
    with pytest.raises(ConfigError, match=r"no private key that can be used \(\w+\)$"):
        Installation("o/r", "123", file, API).current()
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        Installation("o/r", "123", file, API).current()


def test_an_app_is_preferred_to_the_token_of_a_job(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job has one anyway; the app was named on purpose."""
    for name in ("GH_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", "token-of-job")
    monkeypatch.setenv("GITHUB_APP_ID", "123")
    monkeypatch.setenv("GITHUB_APP_KEY_FILE", str(key))
    hub = from_process(["git@github.com:o/r"], None)

    assert hub is not None
    assert hub.token == Installation("o/r", "123", key, API)
