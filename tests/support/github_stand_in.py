"""A stand-in for GitHub: pull requests, reviews, checks, rulesets, deployments, releases of one repository.

It has a state, and is tied to a git repository: a push moves the head of a pull request, and a pull request
whose commits arrive on its base is merged. Its documents are a part of GitHub's own: each key that it
gives is one of theirs (`tests/contract/test_github.py` holds that).
"""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from requests.structures import CaseInsensitiveDict

from scripts.errors import Unreachable
from scripts.github.client import Answer, Github
from scripts.sandbox.hang_ups import StandInServer
from scripts.system.secret import Secret

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
API = "http://127.0.0.1:1"
LIST_PAGE = 30
Reply = tuple[int, Any, dict[str, str]]


class Repository(Protocol):
    """The git repository behind it."""

    def head(self, branch: str) -> str | None:
        """Where a branch is."""

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`."""

    def merge(self, base: str, commit: str, method: str) -> str:
        """Merge a commit into a branch by a button of GitHub's; returns where the branch is then."""


@dataclass
class StandIn:
    """GitHub, with one repository `o/r`.

    Args:
        me: the account of the token.
        bypass: what `current_user_can_bypass` says for rulesets.
        faults: answers that are given instead, by the text of the request ("PUT /pulls/1/merge"), in turn;
            a function is called, and its answer given if it has one.
        after: called after a request that has this text was carried out.
        asked: every request, as "METHOD /path".
    """

    git: Repository
    me: str = "desk-bot"
    bypass: str = "never"
    now: Callable[[], str] = lambda: "2030-01-01T00:00:00Z"
    pulls: list[dict[str, Any]] = field(default_factory=list)
    reviews: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    checks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rulesets: dict[int, dict[str, Any]] = field(default_factory=dict)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    deployment_statuses: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    releases: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    classic_checks: dict[str, list[str]] = field(default_factory=dict)
    makers: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Any]] = field(default_factory=dict)
    after: dict[str, Callable[[], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    numbers: int = 0

    # ------------------------------------------------------------------------- what people do there

    def review(self, who: str, state: str = "APPROVED", *, number: int = 1, **changes: Any) -> None:
        """Somebody reviews the head of a pull request."""
        self.numbers += 1
        document = {
            "id": self.numbers,
            "user": {"login": who},
            "body": "",
            "state": state,
            "commit_id": self.pull(number)["head"]["sha"],
            "submitted_at": self.now(),
            "author_association": "MEMBER",
            "html_url": f"https://github.com/o/r/pull/{number}#pullrequestreview-{self.numbers}",
            **changes,
        }
        self.reviews.setdefault(number, []).append(document)

    def dismiss(self, who: str, number: int = 1) -> None:
        """A review is dismissed."""
        for each in self.reviews[number]:
            if each["user"]["login"] == who:
                each["state"] = "DISMISSED"

    def check(self, name: str, commit: str, conclusion: str | None = "success") -> None:
        """A check of a commit runs, or has ended."""
        self.numbers += 1
        document = {
            "id": self.numbers,
            "name": name,
            "head_sha": commit,
            "status": "completed" if conclusion else "in_progress",
            "conclusion": conclusion,
            "html_url": f"https://github.com/o/r/runs/{self.numbers}",
        }
        self.checks.setdefault(commit, []).append(document)

    def protect(self, branch: str, *rules: dict[str, Any], bypass_actors: list[Any] | None = None) -> None:
        """A ruleset for one branch."""
        condition = {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}}
        self._save_ruleset(
            {
                "name": f"people: {branch}",
                "target": "branch",
                "enforcement": "active",
                "bypass_actors": bypass_actors or [],
                "conditions": condition,
                "rules": list(rules),
            }
        )

    def press_merge(self, number: int = 1, method: str = "merge") -> str:
        """Somebody presses the button."""
        pull = self.pull(number)
        made = self.git.merge(pull["base"]["ref"], pull["head"]["sha"], method)
        self.pulls[number - 1].update(merged_at=self.now(), merge_commit_sha=made)
        return made

    # --------------------------------------------------------------------------------- the interface

    @property
    def hub(self) -> Github:
        """A client that asks this stand-in without a network."""
        return Github("o/r", Secret(TOKEN), API, exchange=self.exchange)

    def exchange(
        self,
        url: str,
        token: Secret,
        _timeout: float,
        headers: Mapping[str, str] | None = None,
        sends: Mapping[str, Any] | None = None,
        *,
        method: str = "",
    ) -> Answer:
        """As `get_json`."""
        if token.reveal() != TOKEN:
            return 401, {"message": "Bad credentials"}, {}
        status, document, found = self.answer(
            method, url, sends, str((headers or {}).get("If-None-Match", ""))
        )
        if not status:
            raise Unreachable("the API at `127.0.0.1` gave no answer (timed out)")
        return status, json.loads(json.dumps(document)), CaseInsensitiveDict(found)

    def answer(self, method: str, url: str, sends: Any, etag: str = "") -> Reply:
        """One request: status, document and headers; status 0: no answer comes."""
        parts = urlsplit(url)
        path, query = parts.path.removeprefix("/repos/o/r"), dict(parse_qsl(parts.query))
        said = f"{method} {path}"
        self.asked.append(said)
        waiting = self.faults.get(said) or []
        fault = waiting.pop(0) if waiting else None
        given: Reply | None = fault() if callable(fault) else fault
        if given:
            return given
        status, document, headers = self._routed(method, path, query, sends or {})
        if said in self.after:
            self.after.pop(said)()
        if method == "GET" and status == 200:
            headers["ETag"] = f'W/"{abs(hash(json.dumps(document))):x}"'
            if etag == headers["ETag"]:
                return 304, None, headers
        return status, document, headers

    def _routed(self, method: str, path: str, query: dict[str, str], sends: dict[str, Any]) -> Reply:
        for verb, pattern, name in ROUTES:
            found = re.fullmatch(pattern, path) if verb == method else None
            if found:
                parts = [unquote(each) for each in found.groups()]
                result = getattr(self, name)(*parts, query=query, sends=sends)
                status, document, headers = (*result, {})[:3]
                if isinstance(document, list):
                    document, headers = self._page(document, query, path)
                return status, document, headers
        return 404, {"message": "Not Found"}, {}

    def _page(self, rows: list[Any], query: dict[str, str], path: str) -> tuple[list[Any], dict[str, str]]:
        size, page = int(query.get("per_page", LIST_PAGE)), int(query.get("page", 1))
        more = len(rows) > size * page
        link = {"Link": f'<{API}/repositories/1{path}?per_page={size}&page={page + 1}>; rel="next"'}
        return rows[size * (page - 1) : size * page], link if more else {}

    # ---------------------------------------------------------------------------------- the requests

    def user(self, **_: Any) -> tuple[int, Any]:
        return 200, {"login": self.me, "id": 7, "user_view_type": "public"}

    def repository(self, **_: Any) -> tuple[int, Any]:
        return 200, {
            "full_name": "o/r",
            "private": True,
            "permissions": {"admin": False, "push": True, "pull": True},
        }

    def pull(self, number: int) -> dict[str, Any]:
        """A pull request as it is now: what its branches say."""
        pull = self.pulls[number - 1]
        head, base = self.git.head(pull["head"]["ref"]), self.git.head(pull["base"]["ref"])
        if pull["state"] == "open" and not pull["merged_at"]:
            pull["head"]["sha"] = head or pull["head"]["sha"]
            if base and self.git.is_ancestor(pull["head"]["sha"], base):
                pull.update(merged_at=self.now(), merge_commit_sha=pull["head"]["sha"])
        if pull["merged_at"]:
            pull["state"] = "closed"
        return {**pull, "merged": bool(pull["merged_at"])}

    def list_pulls(self, query: dict[str, str], **_: Any) -> tuple[int, Any]:
        found = [self.pull(number) for number in range(len(self.pulls), 0, -1)]
        for each in found:
            del each["merged"]  # a list has no such key
        if "head" in query:
            found = [each for each in found if f"o:{each['head']['ref']}" == query["head"]]
        if "base" in query:
            found = [each for each in found if each["base"]["ref"] == query["base"]]
        state = query.get("state", "open")
        return 200, [each for each in found if state in ("all", each["state"])]

    def open_pull(self, query: dict[str, str], sends: dict[str, Any]) -> tuple[int, Any]:
        head, base = self.git.head(sends["head"]), self.git.head(sends["base"])
        why = ""
        if not (head and base):
            why = "head or base is invalid"
        elif self.git.is_ancestor(head, base):
            why = f"No commits between {sends['base']} and {sends['head']}"
        if self.list_pulls({"head": f"o:{sends['head']}", "base": sends["base"]})[1]:
            why = f"A pull request already exists for o:{sends['head']}."
        if why:
            return 422, {"message": "Validation Failed", "errors": [{"message": why}]}
        number = len(self.pulls) + 1
        self.pulls.append(
            {
                "number": number,
                "html_url": f"https://github.com/o/r/pull/{number}",
                "state": "open",
                "title": sends["title"],
                "body": sends["body"],
                "draft": False,
                "user": {"login": self.me},
                "head": {"ref": sends["head"], "sha": head},
                "base": {"ref": sends["base"], "sha": base},
                "merged_at": None,
                "merge_commit_sha": None,
            }
        )
        return 201, self.pull(number)

    def read_pull(self, number: str, **_: Any) -> tuple[int, Any]:
        if int(number) > len(self.pulls):
            return 404, {"message": "Not Found"}
        return 200, {**self.pull(int(number)), "mergeable_state": "clean"}

    def change_pull(self, number: str, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        self.pulls[int(number) - 1].update(sends)
        return self.read_pull(number)

    def list_reviews(self, number: str, **_: Any) -> tuple[int, Any]:
        return 200, self.reviews.get(int(number), [])

    def merge(self, number: str, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        pull = self.pull(int(number))
        if pull["merged"] or pull["state"] != "open":
            return 405, {"message": "Pull Request is not mergeable"}
        if sends.get("sha") not in (None, pull["head"]["sha"]):
            return 409, {"message": "Head branch was modified. Review and try the merge again."}
        why = self._objection(pull)
        if why:
            return 405, {"message": why}
        made = self.press_merge(int(number), sends.get("merge_method", "merge"))
        return 200, {"sha": made, "merged": True, "message": "Pull Request successfully merged"}

    def _objection(self, pull: dict[str, Any]) -> str:
        """Why the rules of the base don't let it be merged."""
        for rule in self._rules_of(pull["base"]["ref"]):
            wanted = rule.get("parameters", {})
            if rule["type"] == "update":
                return "Cannot update this protected ref."
            for check in wanted.get("required_status_checks", ()):
                runs = self.checks.get(pull["head"]["sha"], [])
                last = [each for each in runs if each["name"] == check["context"]][-1:]
                if not last or last[0]["conclusion"] not in ("success", "neutral", "skipped"):
                    return f'Required status check "{check["context"]}" is failing.'
            approved = [
                each
                for each in self.reviews.get(pull["number"], [])
                if each["state"] == "APPROVED" and each["commit_id"] == pull["head"]["sha"]
            ]
            if len(approved) < wanted.get("required_approving_review_count", 0):
                return "At least 1 approving review is required by reviewers with write access."
        return ""

    def list_comments(self, number: str, **_: Any) -> tuple[int, Any]:
        return 200, self.comments.get(int(number), [])

    def add_comment(self, number: str, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        self.numbers += 1
        url = f"https://github.com/o/r/pull/{number}#issuecomment-{self.numbers}"
        document = {"id": self.numbers, "body": sends["body"], "user": {"login": self.me}, "html_url": url}
        self.comments.setdefault(int(number), []).append(document)
        return 201, document

    def change_comment(self, number: str, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        found = [each for rows in self.comments.values() for each in rows if each["id"] == int(number)]
        if not found:
            return 404, {"message": "Not Found"}
        found[0]["body"] = sends["body"]
        return 200, found[0]

    def list_checks(self, commit: str, **_: Any) -> tuple[int, Any]:
        runs = self.checks.get(commit, [])
        return 200, {"total_count": len(runs), "check_runs": runs}

    def read_status(self, commit: str, **_: Any) -> tuple[int, Any]:
        found = {each["context"]: each for each in self.statuses.get(commit, [])}
        rows = list(found.values())
        return 200, {"sha": commit, "state": "pending", "total_count": len(rows), "statuses": rows}

    def add_status(self, commit: str, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        self.numbers += 1
        document = {"id": self.numbers, **sends}
        self.statuses.setdefault(commit, []).append(document)
        return 201, document

    def read_commit(self, commit: str, **_: Any) -> tuple[int, Any]:
        login = {"login": self.makers.get(commit, "ada")}
        verification = {"verified": True}
        return 200, {
            "sha": commit, "author": login, "committer": login, "commit": {"verification": verification}
        }  # fmt: skip

    def _rules_of(self, branch: str) -> list[dict[str, Any]]:
        found = []
        for number, ruleset in self.rulesets.items():
            condition = ruleset["conditions"]["ref_name"]
            names = (f"refs/heads/{branch}", "~ALL")
            if ruleset["enforcement"] == "active" and set(names) & set(condition["include"]):
                about = {"ruleset_id": number, "ruleset_source": "o/r", "ruleset_source_type": "Repository"}
                found += [{**rule, **about} for rule in ruleset["rules"]]
        return found

    def branch_rules(self, branch: str, **_: Any) -> tuple[int, Any]:
        return 200, self._rules_of(branch)

    def list_rulesets(self, **_: Any) -> tuple[int, Any]:
        short = ("id", "name", "target", "enforcement", "source", "source_type")
        return 200, [{key: each[key] for key in short} for each in self.rulesets.values()]

    def read_ruleset(self, number: str, **_: Any) -> tuple[int, Any]:
        found = self.rulesets.get(int(number))
        if found is None:
            return 404, {"message": "Not Found"}
        return 200, {**found, "current_user_can_bypass": self.bypass}

    def add_ruleset(self, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        return 201, self._save_ruleset(sends)

    def change_ruleset(self, number: str, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        self.rulesets[int(number)].update(sends)
        return 200, self.rulesets[int(number)]

    def _save_ruleset(self, document: Mapping[str, Any]) -> dict[str, Any]:
        number = len(self.rulesets) + 1
        about = {"id": number, "source": "o/r", "source_type": "Repository"}
        self.rulesets[number] = {**document, **about}
        return self.rulesets[number]

    def read_branch(self, branch: str, **_: Any) -> tuple[int, Any]:
        checks = self.classic_checks.get(branch, [])
        required = {"enforcement_level": "non_admins", "contexts": checks, "checks": []}
        return 200, {
            "name": branch,
            "protected": bool(checks),
            "protection": {"enabled": bool(checks), "required_status_checks": required},
        }

    def no_protection(self, _branch: str, **__: Any) -> tuple[int, Any]:
        return 404, {"message": "Branch not protected"}

    def list_deployments(self, query: dict[str, str], **_: Any) -> tuple[int, Any]:
        wanted = {key: query[key] for key in ("sha", "environment", "task") if key in query}
        found = [each for each in self.deployments if wanted.items() <= each.items()]
        return 200, found[::-1]

    def add_deployment(self, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        number = len(self.deployments) + 1
        sent = {
            key: value for key, value in sends.items() if key not in ("auto_merge", "required_contexts")
        }
        self.deployments.append({"id": number, "sha": sends["ref"], **sent})
        return 201, self.deployments[-1]

    def list_deployment_statuses(self, number: str, **_: Any) -> tuple[int, Any]:
        return 200, self.deployment_statuses.get(int(number), [])[::-1]

    def add_deployment_status(self, number: str, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        self.numbers += 1
        sent = {key: value for key, value in sends.items() if key != "auto_inactive"}
        self.deployment_statuses.setdefault(int(number), []).append({"id": self.numbers, **sent})
        return 201, self.deployment_statuses[int(number)][-1]

    def read_release(self, tag: str, **_: Any) -> tuple[int, Any]:
        found = next((each for each in self.releases if each["tag_name"] == tag), None)
        return (200, found) if found else (404, {"message": "Not Found"})

    def add_release(self, sends: dict[str, Any], **_: Any) -> tuple[int, Any]:
        number = len(self.releases) + 1
        url = f"https://github.com/o/r/releases/tag/{sends['tag_name']}"
        sent = {key: value for key, value in sends.items() if key != "make_latest"}
        self.releases.append({"id": number, "html_url": url, **sent})
        return 201, self.releases[-1]


COMMIT, NUMBER, NAME = "([0-9a-f]{40})", "([0-9]+)", "([^/]+)"
ROUTES = (
    ("GET", "/user", "user"),
    ("GET", "", "repository"),
    ("GET", "/pulls", "list_pulls"),
    ("POST", "/pulls", "open_pull"),
    ("GET", f"/pulls/{NUMBER}", "read_pull"),
    ("PATCH", f"/pulls/{NUMBER}", "change_pull"),
    ("GET", f"/pulls/{NUMBER}/reviews", "list_reviews"),
    ("PUT", f"/pulls/{NUMBER}/merge", "merge"),
    ("GET", f"/issues/{NUMBER}/comments", "list_comments"),
    ("POST", f"/issues/{NUMBER}/comments", "add_comment"),
    ("PATCH", f"/issues/comments/{NUMBER}", "change_comment"),
    ("GET", f"/commits/{COMMIT}", "read_commit"),
    ("GET", f"/commits/{COMMIT}/check-runs", "list_checks"),
    ("GET", f"/commits/{COMMIT}/status", "read_status"),
    ("POST", f"/statuses/{COMMIT}", "add_status"),
    ("GET", f"/rules/branches/{NAME}", "branch_rules"),
    ("GET", f"/branches/{NAME}", "read_branch"),
    ("GET", f"/branches/{NAME}/protection", "no_protection"),
    ("GET", "/rulesets", "list_rulesets"),
    ("POST", "/rulesets", "add_ruleset"),
    ("GET", f"/rulesets/{NUMBER}", "read_ruleset"),
    ("PUT", f"/rulesets/{NUMBER}", "change_ruleset"),
    ("GET", "/deployments", "list_deployments"),
    ("POST", "/deployments", "add_deployment"),
    ("GET", f"/deployments/{NUMBER}/statuses", "list_deployment_statuses"),
    ("POST", f"/deployments/{NUMBER}/statuses", "add_deployment_status"),
    ("GET", f"/releases/tags/{NAME}", "read_release"),
    ("POST", "/releases", "add_release"),
)


@contextmanager
def serving(stand_in: StandIn) -> Iterator[str]:
    """The stand-in on loopback, for the time of a test; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sends = json.loads(self.rfile.read(length)) if length else None
            etag = str(self.headers.get("If-None-Match", ""))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                reply: Reply = (401, {"message": "Bad credentials"}, {})
            else:
                reply = stand_in.answer(self.command, self.path, sends, etag)
            status, document, headers = reply
            if not status:
                self.close_connection = True
                return
            body = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - names of the library

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with StandInServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
