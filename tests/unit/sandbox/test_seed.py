"""The size of a seed."""

from __future__ import annotations

import pytest

from scripts.errors import UsageError
from scripts.sandbox.seed import size_of


@pytest.mark.parametrize(
    ("text", "size"), [("100MB", 1e8), (" 1.5 GB ", 1.5e9), ("500kB", 5e5), ("20gb", 2e10)]
)
def test_sizes_with_a_unit(text: str, size: float) -> None:
    """Powers of ten; a blank before the unit is allowed."""
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "100", "MB", "-1MB", "0MB", "21GB", "1TB", "1MB2"])
def test_anything_else_is_refused(text: str) -> None:
    """So is more than a sandbox should hold; it is an error of usage."""
    with pytest.raises(UsageError, match="no size for a sandbox"):
        size_of(text)
