"""A hosted project in memory: its Edge Functions, and the Supabase CLI that deploys them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.database.edge_functions.record import Deployed
from scripts.database.edge_functions.sources import EdgeFunction
from scripts.errors import DeskError

TOKEN = "sbp_" + "0123456789" * 4


def ref_of(environment: str) -> str:
    """The project of an environment of a fake world."""
    return environment.ljust(20, "x")[:20]


@dataclass
class FakeFunctions:
    """Stands in for `Functions`: the list, and the CLI's `functions deploy`.

    Args:
        rows: what is listed, by name; `sources`: the digest that each was made from.
        failing: name -> why its deployment fails; the CLI deploys the others all the same.
        silent: names that the CLI leaves out although it ends with 0.
        unreadable: why the list can't be read.
        before_deploy, after_deploy: may raise, as when the run is killed.
        deployments: the names of each call.
    """

    clock: Callable[[], float] = lambda: 0.0
    rows: dict[str, Deployed] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    failing: dict[str, DeskError] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    unreadable: DeskError | None = None
    before_deploy: Callable[[], None] = lambda: None
    after_deploy: Callable[[], None] = lambda: None
    deployments: list[list[str]] = field(default_factory=list)

    def listed(self) -> dict[str, Deployed]:
        """What the project lists."""
        if self.unreadable:
            raise self.unreadable
        return dict(self.rows)

    def deploy(self, cli: Path, folder: str, functions: Sequence[tuple[EdgeFunction, bool]]) -> None:
        """Deploy those that can be bundled; then say what failed."""
        self.before_deploy()
        self.deployments.append([function.name for function, _ in functions])
        for function, verify_jwt in functions:
            if function.name not in self.failing and function.name not in self.silent:
                self.put(function.name, function.digest, verify_jwt=verify_jwt)
        self.after_deploy()
        for function, _ in functions:
            if function.name in self.failing:
                raise self.failing[function.name]

    def put(self, name: str, digest: str, *, verify_jwt: bool = True) -> None:
        """A deployment, by the CLI or by a person."""
        version = self.rows[name].version + 1 if name in self.rows else 1
        sha256 = f"bundle of {digest}"
        self.rows[name] = Deployed(name, version, int(self.clock() * 1000), verify_jwt, sha256)
        self.sources[name] = digest
