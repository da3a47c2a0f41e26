"""A driver in memory: a workspace, what is published from it, and a public URL."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from scripts.errors import Refused
from scripts.replit.driver import Status
from scripts.replit.live import Answer, Expected
from scripts.state.held_lock import HeldLock


# what a Publish of the workspace is given, and does not look at
@dataclass
class HeldFast:
    """A lock that is never lost; notes how it is asked."""

    asked: list[str] = field(default_factory=list)

    def ask_ahead(self) -> None:
        """A check follows."""
        self.asked.append("ahead")

    def check(self, *, ask: bool) -> None:
        """It is held."""
        self.asked.append("check" if ask else "no question")


PUBLISHED = (Expected("1" * 40, "staging"), cast(HeldLock, HeldFast()))


def archive_of(files: Mapping[str, str]) -> bytes:
    """A tar.gz of these files, as a workspace sends its built folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            data = text.encode()
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@dataclass
class FakeDriver:
    """Stands in for the driver of one environment.

    Args:
        workspace: what the workspace was built to last.
        served: what the public URL answers: the stamp of the published build.
        files: what a build makes.
        faults: by name of a method: what is called instead of it; it may raise, or return.
        dirty: work of a person that lies in the workspace; "": none.
        sends: a build can be sent, to be scanned; otherwise it was scanned where it was built.
        asked: the commit that was asked to go live last; `lags`: what `status` finds.
        kept: the names under which such work was kept aside.
        calls: the methods that were called, in order.
    """

    name: str = "mcp"
    unattended: bool = True
    staged: bool = True
    confirms: bool = False
    sends: bool = True
    asked: str | None = None
    lags: tuple[str, ...] = ()
    unproven_hint: str = "look at the publishing log"
    workspace: Expected | None = None
    served: Answer = field(default_factory=lambda: Answer(None, error="can't connect"))
    files: dict[str, str] = field(default_factory=lambda: {"index.html": "<h1>hello</h1>"})
    faults: dict[str, Callable[..., Any]] = field(default_factory=dict)
    dirty: str = ""
    kept: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    connected: bool = False

    def connect(self) -> None:
        """A build is to follow."""
        self.connected = True

    def disconnect(self) -> None:
        """None follows."""
        self.connected = False

    def objection(self) -> Refused | None:
        """What `dirty` says."""
        return Refused(self.dirty) if self.dirty else None

    def build(
        self, expected: Expected, candidate: str, *, send: bool = False, keep: str = ""
    ) -> bytes | None:
        """Build the commit; work that lies there is kept aside if a name is given."""
        if self.dirty and not keep:
            raise Refused(self.dirty)
        self.kept, self.dirty = [*self.kept, *([keep] if self.dirty else [])], ""
        self.calls.append(f"build {expected.commit[:7]}")
        if "build" in self.faults:
            self.faults["build"](expected, candidate)
        self.workspace = expected
        if not self.sends:
            return None
        return archive_of(self.files) if send else b""

    def deliver(self, expected: Expected, lock: HeldLock) -> Mapping[str, Any]:
        """Bring it there."""
        self.calls.append(f"deliver {expected.commit[:7]}")
        if "deliver" in self.faults:
            self.faults["deliver"]()
        return {"digest": "d" * 64}

    def asked_for(self) -> str | None:
        """What `asked` says."""
        return self.asked

    def lagging(self) -> tuple[str, ...]:
        """What `lags` says."""
        return self.lags

    def publish(self, expected: Expected, lock: HeldLock) -> None:
        """Publish what was built."""
        self.calls.append("publish")
        if "publish" in self.faults:
            self.faults["publish"]()
            return
        self.serve(self.workspace)

    def serve(self, expected: Expected | None, **changes: Any) -> None:
        """Let the public URL answer with this build."""
        if expected is not None:
            known = {
                "commit": expected.commit,
                "environment": expected.environment,
                "schema": expected.schema,
                "pages": (("/", 200),),
            }
            self.served = Answer(200, **{**known, **changes})

    def publish_status(self) -> tuple[Status, str]:
        """What the publishing is doing."""
        fault = self.faults.get("publish_status")
        return fault() if fault else ("other", "")

    def live(self) -> Answer:
        """What the public URL answers."""
        fault = self.faults.get("live")
        return fault() if fault else self.served

    def check(self) -> str:
        """It would publish."""
        return "a fake"
