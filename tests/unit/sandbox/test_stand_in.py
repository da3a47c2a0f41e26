"""A stand-in that does not start, or finds its port used, says why."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from scripts.errors import CommandFailed, Refused
from scripts.sandbox import stand_in
from scripts.system import ports


def test_one_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    """Its settings were written, readable by their owner only."""
    (port,) = ports.find_free(1)
    with pytest.raises(CommandFailed, match="no_such_module"):
        stand_in.start("helper", tmp_path / "helper", [port], settings={"a": 1}, module="no_such_module")

    assert (tmp_path / "helper" / "no_such_module.json").stat().st_mode & 0o777 == 0o600
    stand_in.stop(tmp_path / "helper")


def test_a_port_that_is_used_is_named(tmp_path: Path) -> None:
    """Nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Refused, match=f"port {port}"):
            stand_in.start("helper", tmp_path / "helper", [port], settings={}, module="inbox")

    assert not (tmp_path / "helper" / "pid").exists()
