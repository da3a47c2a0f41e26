"""Workflows for tests: of the shipped configuration, in each way in which a job can have the desk."""

from __future__ import annotations

import tomllib
from typing import Any

from ruamel.yaml import YAML

from scripts.config.parse import parse
from scripts.config.settings import Settings
from scripts.setup.workflows.command import generate
from scripts.setup.workflows.place import Place
from scripts.setup.workflows.yaml import dump
from tests.support.desks import ROOT

NO_SOURCE = ("", "")


def settings(**changes: dict[str, Any]) -> Settings:
    """The shipped configuration with everything that adds a job or a secret, changed section by section."""
    table = tomllib.loads((ROOT / "env" / "pipeline.toml").read_text())
    table["backup"] |= {"bucket": "backups", "recipients": ["age1x"]}
    table["tests"] |= {"integration": ["npm", "run", "test:int"], "unit_report": "junit.xml"}
    table["environment"]["staging"]["access"]["header"] = "Authorization"
    table["environment"]["production"]["gates"]["integration"] = True
    table["preview"]["slots"] = {
        name: {"url": f"https://{name}.example.org", "ssh_host": name, "repl_id": name, "header": header}
        for name, header in (("one", ""), ("two", "Authorization"))
    }
    for section, values in changes.items():
        table[section] |= values
    return parse(table)


def places(found: Settings | None = None) -> dict[str, Place]:
    """The desk copied into the app, the app's top itself, and beside it."""
    known = found or settings()
    return {
        "copied": Place(known, "release-desk", ".", "", "release-desk/.airhost", NO_SOURCE, "22"),
        "top": Place(known, ".", ".", "", ".airhost", NO_SOURCE, "22"),
        "beside": Place(known, "desk", "app", "app/env", "app/.airhost", ("o/desk", "a" * 40), "22"),
    }


def documents(place: Place) -> dict[str, dict[str, Any]]:
    """Every workflow of a place, as a reader of its YAML sees it."""
    return {
        name: YAML(typ="safe").load(dump(each)) for name, each in generate(place, monitors=True).items()
    }
