"""Loads modules of `loadtests/` that need no Locust; they import each other by their plain names."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from unittest import mock

from tests.support.desks import ROOT

FOLDER = ROOT / "loadtests"


def load(name: str) -> ModuleType:
    """`loadtests/<name>.py`, without leaving anything in `sys.path`, or under its plain name."""
    spec = importlib.util.spec_from_file_location(f"loadtests_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    own = {file.stem for file in FOLDER.glob("*.py")} - sys.modules.keys()
    with mock.patch.object(sys, "path", [str(FOLDER), *sys.path]):
        spec.loader.exec_module(module)
    for plain in own:
        sys.modules.pop(plain, None)
    return module
