"""`status` names live previews, and `preview.list` is a table that people can read."""

from __future__ import annotations

from scripts.preview.commands import show_list
from scripts.preview.request import PreviewListRequest
from scripts.release.request import StatusRequest
from scripts.release.status import status
from scripts.tables import local
from scripts.tables import previews as lines_of
from scripts.tables import status as status_lines
from tests.fakes.previews import Previews


def test_the_status_names_previews(previews: Previews) -> None:
    """In a line each; without any there is no question more to the remote."""
    desk = previews.world.desk()
    assert status(desk, StatusRequest()).data["previews"] == []
    previews.up()
    outcome = status(desk, StatusRequest())
    (row,) = outcome.data["previews"]

    assert (row["slot"], row["branch"], row["state"]) == ("one", "feature/x", "up")
    until = local(previews.leases["one"].until)
    assert f"  preview one: `feature/x`, up, until {until}" in list(status_lines(outcome.data, 200))


def test_the_list_is_a_table(previews: Previews) -> None:
    """One row a slot, and what is wrong below."""
    previews.up()
    previews.world.clock.sleep(3601)
    data = show_list(previews.world.desk(), PreviewListRequest()).data
    lines = list(lines_of(data, 200))

    assert lines[0].split()[:3] == ["slot", "state", "branch"]
    assert lines[2].split()[:3] == ["one", "up", "feature/x"]
    assert lines[3].split()[:3] == ["two", "free", "-"]
    assert lines[4] == "  one: its time is over: `invoke preview.sweep`"
