"""One sandbox for all tests that release: made once, taken down at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.sandbox import world
from tests.integration.desk import Desk


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The tasks, in a world of their own."""
    folder = tmp_path_factory.mktemp("world") / "sandbox"
    made = world.up(folder, on_step=lambda _step: None)
    manual = made.env_dir / "pipeline.toml"
    manual.write_text(manual.read_text().replace("timeout = 20", "timeout = 8"))
    try:
        yield Desk(made)
    finally:
        world.down(folder, on_step=lambda _step: None)
