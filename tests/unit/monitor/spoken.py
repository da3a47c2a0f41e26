"""What the places of production say, for the tests of its logs; of Supabase, the sandbox's stand-in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.monitor import logs as command
from scripts.monitor.request import MonitorLogsRequest
from scripts.sandbox.management_api import Asked, ManagementApi
from scripts.state.journal import Journal
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import Remote, observe_remote
from scripts.system.secret import Secret
from tests.fakes.functions import ref_of
from tests.fakes.world import Notes, World

REF = ref_of("production")


@dataclass
class Spoken:
    """Production at some moment, and what its places say."""

    world: World
    folder: Path
    api: ManagementApi
    events: list[Event] = field(default_factory=list)
    workspace: tuple[float, str] | None = None
    notes: Notes = field(default_factory=Notes)
    values: Callable[[Environment], Mapping[str, str]] | None = None
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def ago(self, **time: float) -> str:
        """A moment, as the ledger writes it."""
        return (datetime.fromisoformat(self.world.clock.now()) - timedelta(**time)).isoformat()

    def released(self, release: str, **time: float) -> None:
        """It went live."""
        at = self.ago(**time)
        self.events.append(Event("production", "release", "done", release, "c" * 40, "Ada", at, release))

    def supabase(self, *rows: tuple[str, str, str]) -> None:
        """Source, time and text of what Supabase has."""
        documents = [
            {"id": str(number), "source": source, "timestamp": at.partition("+")[0], "event_message": text}
            for number, (source, at, text) in enumerate(rows)
        ]
        (self.folder / "api" / "logs").mkdir(parents=True, exist_ok=True)
        (self.folder / "api" / "logs" / f"{REF}.json").write_text(json.dumps({"rows": documents}))

    def get_json(self, url: str, token: Secret, _seconds: float) -> tuple[int, Any, Mapping[str, str]]:
        """The stand-in instead of the network."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        self.asked.append(query)
        headers = {"authorization": f"Bearer {token.reveal()}"}
        status, document = self.api.answer(Asked("GET", parts.path, query, headers, b""))
        return status, json.loads(json.dumps(document)), {}

    def observe(self, desk: Desk) -> Remote:
        """The remote with the ledger of the test."""
        return replace(observe_remote(desk), ledger=Ledger(None, tuple(self.events)))

    def journal(self, run: str, *lines: Mapping[str, Any], torn: bytes = b"") -> None:
        """What a run wrote, a cut line after the first; the file is as old as the world's clock says."""
        made = Journal(self.folder / "runs", run)
        for line in lines:
            made.write(**line)
            if line is lines[0]:
                with made.file.open("ab") as stream:
                    stream.write(torn)
        now = datetime.fromisoformat(self.world.clock.now()).timestamp()
        os.utime(made.file, (now, now))

    def run(self, sleep: Callable[[float], None] | None = None, **options: Any) -> Outcome:
        """The command."""
        changes: dict[str, Any] = {"sleep": sleep} if sleep else {}
        changes |= {"values": self.values} if self.values else {}
        desk = self.world.desk(progress=self.notes, state_folder=self.folder, **changes)
        return command.logs(desk, MonitorLogsRequest(**{"env": "production", **options}))

    def shown(self, **options: Any) -> list[str]:
        """The lines without their times."""
        self.notes.lines.clear()
        self.run(**options)
        return [line.partition("Z ")[2] for line in self.notes.lines]
