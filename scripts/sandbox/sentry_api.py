# pure
"""What Sentry's web API answers when it is told of releases, asked for issues, and to `sentry-cli`.

From Sentry's documents and from what `sentry-cli` was seen to send (research `load-monitor.md`, section 9).
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

ROOT = "/api/0/organizations/"
UPLOADS = {
    "chunkSize": 8_388_608, "chunksPerRequest": 64, "maxFileSize": 2**31, "maxRequestSize": 33_554_432,
    "concurrency": 8, "hashAlgorithm": "sha1", "compression": ["gzip"],
    "accept": ["release_files", "artifact_bundles", "artifact_bundles_v2"],
}  # fmt: skip
PART = re.compile(rb"--[^\r\n]+\r\n((?:[^\r\n]+\r\n)+)\r\n(.*?)(?=\r\n--)", re.DOTALL)
VERSION = re.compile(r"(?!\.{1,2}$)[^/\\\s]{1,200}")
TERM = re.compile(
    r'(\w+):(?:"([^"]*)"|\[([^\]]*)\]|(\S+))\s*'
)  # `key:value`, `key:"value"`, `key:[one, two]`
MOST_ISSUES = 100
LONGEST_NAME = 64  # characters of a deploy's environment and name
Reply = tuple[int, Any]


@dataclass
class SentryApi:
    """One organization with one project: the releases by version, as they were told."""

    organization: str
    project: str
    releases: dict[str, dict[str, Any]] = field(default_factory=dict)
    chunks: set[str] = field(default_factory=set)

    def how_to_upload(self, url: str) -> Reply:
        """What `sentry-cli` asks first; `url` takes the chunks."""
        return 200, {**UPLOADS, "url": url}

    def take_chunks(self, body: bytes) -> Reply:
        """Parts of a form, each a chunk by its SHA-1, packed."""
        for head, content in PART.findall(body):
            name = re.search(rb'filename="([0-9a-f]{40})"', head)
            clear = gzip.decompress(content) if b"file_gzip" in head else content
            if name is None or hashlib.sha1(clear, usedforsecurity=False).hexdigest() != name[1].decode():
                return 400, {"detail": "checksum mismatch"}
            self.chunks.add(name[1].decode())
        return 200, {}

    def assemble(self, document: Any) -> Reply:
        """A bundle of chunks: those that are missing, or that it is there."""
        missing = [each for each in document["chunks"] if each not in self.chunks]
        if document.get("projects") != [self.project]:
            return 400, {"projects": ["Invalid project ids or slugs"]}
        if missing:
            return 200, {"state": "not_found", "missingChunks": missing, "detail": None}
        release = self.releases.setdefault(document["version"], {"deploys": []})
        release.setdefault("bundles", []).append(document)
        return 200, {"state": "created", "missingChunks": [], "detail": None}

    def issues(self, query: Mapping[str, Sequence[str]], known: Sequence[Mapping[str, Any]]) -> Reply:
        """*List an Organization's Issues*: what the search finds, newest first.

        Args:
            known: with `shortId`, `title`, `firstRelease`, `environment`, perhaps `status`, `level`.
        """
        text = query.get("query", ["is:unresolved"])[0]
        if TERM.sub("", text).strip():
            return 400, {"detail": f"Error parsing search query: {text}"}
        wanted = {
            key: [each.strip() for each in (listed or quoted or plain).split(",")]
            for key, quoted, listed, plain in TERM.findall(text)
        }
        found = []
        for each in known:
            issue = {"status": "unresolved", "level": "error", "firstSeen": "", **each}
            has = {
                "is": issue["status"],
                "firstRelease": issue["firstRelease"],
                "level": issue["level"],
                "project": self.project,
            }
            places = query.get("environment", [issue["environment"]])
            if issue["environment"] in places and all(has.get(key) in wanted[key] for key in wanted):
                shown = ("shortId", "title", "status", "level", "firstSeen")
                document = {key: issue.get(key) for key in shown}
                found.append({**document, "count": "1", "userCount": 1, "project": {"slug": self.project}})
        found.sort(key=lambda each: str(each["firstSeen"]), reverse=True)
        limit = int(query.get("limit", [str(MOST_ISSUES)])[0])
        return 200, found[: min(limit, MOST_ISSUES)]

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
