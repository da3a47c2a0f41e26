"""What the tests of previews share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.previews import Previews, build_previews


@pytest.fixture
def previews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Previews:
    """Two free slots, and `feature/x`."""
    return build_previews(tmp_path, monkeypatch)
