"""A bare origin, and the same behind HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.git_http import git_over_http
from tests.support.repositories import Repository, seeded
from tests.support.servers import Server


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    """The bare origin."""
    return seeded(tmp_path)[0]


@pytest.fixture
def server(origin: Repository) -> Iterator[tuple[str, Server]]:
    """Its address, and what is asked there."""
    with git_over_http(origin.folder) as served:
        yield served
