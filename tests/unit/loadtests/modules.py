"""Loads modules of `loadtests/` that need no Locust; they import each other by their plain names."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from tests.support.desks import ROOT


def load(name: str) -> ModuleType:
    """`loadtests/<name>.py`, without leaving anything in `sys.path`."""
    spec = importlib.util.spec_from_file_location(f"loadtests_{name}", ROOT / "loadtests" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
