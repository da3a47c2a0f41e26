# pure
"""What Sentry's web API answers to the calls that tell it of releases.

From Sentry's documents and from what `sentry-cli` was seen to send (research `load-monitor.md`, section 9).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

ROOT = "/api/0/organizations/"
VERSION = re.compile(r"(?!\.{1,2}$)[^/\\\s]{1,200}")
LONGEST_NAME = 64  # characters of a deploy's environment and name
Reply = tuple[int, Any]


@dataclass
class SentryApi:
    """One organization with one project: the releases by version, as they were told."""

    organization: str
    project: str
    releases: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, method: str, path: str, document: Any) -> Reply:
        """Status and document of the answer to one request."""
        mine = f"{ROOT}{self.organization}/releases/"
        version, _, what = path.removeprefix(mine).partition("/")
        known = self.releases.get(unquote(version))
        if not path.startswith(mine) or (version and known is None):
            return 404, {"detail": "The requested resource does not exist"}
        if not isinstance(document, dict):
            return 400, {"detail": "JSON parse error"}
        if (method, known) == ("POST", None):
            return self._release(document)
        if known is not None and (method, what) == ("POST", "deploys/"):
            return self._deploy(known, document)
        if known is not None and (method, what) == ("PUT", ""):
            known |= document
            return 200, known
        return 405, {"detail": f'Method "{method}" not allowed.'}

    def _release(self, document: dict[str, Any]) -> Reply:
        version = document.get("version")
        if not isinstance(version, str) or not VERSION.fullmatch(version):
            return 400, {"version": ["Release with name invalid"]}
        if document.get("projects") != [self.project]:
            return 400, {"projects": ["Invalid project ids or slugs"]}
        if not all(isinstance(each, dict) and each.get("id") for each in document.get("commits", [])):
            return 400, {"commits": ["This field is required"]}
        status = 208 if version in self.releases else 201
        self.releases.setdefault(version, {"deploys": []}).update(document)
        return status, self.releases[version]

    @staticmethod
    def _deploy(release: dict[str, Any], document: dict[str, Any]) -> Reply:
        environment = document.get("environment")
        if not isinstance(environment, str) or not 0 < len(environment) <= LONGEST_NAME:
            return 400, {"environment": ["This field is required"]}
        if len(str(document.get("name") or "")) > LONGEST_NAME:
            return 400, {"name": ["Ensure this field has no more than 64 characters"]}
        release["deploys"].append(document)
        return 201, document
