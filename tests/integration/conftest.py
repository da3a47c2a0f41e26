"""One sandbox for all tests that release: made once, taken down at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.desk import Desk
from tests.support.sandboxes import sandbox


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The tasks, in a world of their own."""
    with sandbox(tmp_path_factory, "world") as made:
        yield Desk(made)
