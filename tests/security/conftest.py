"""What the security tests share."""

from __future__ import annotations

import pytest

from scripts.system import secret


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that one test makes known is not masked in the next one's texts."""
    monkeypatch.setattr(secret, "_memory", secret._Memory())
