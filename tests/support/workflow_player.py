"""Plays a workflow's jobs as GitHub's runner does, as far as our own workflows use it: a stand-in.

Events, `if`, `needs`, contexts, environments with their secrets, `env`, `working-directory`, summaries. The
three actions are done here: a checkout by git, node as it is on this machine, an artifact as a copy.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
NAME = re.compile(r"'(?:[^']|'')*'|[a-z]+\(\)|[A-Za-z_][\w-]*(?:\.[\w-]+)*")
SECONDS = 180


@dataclass
class Result:
    """How a job ended: `success`, `failure` or `skipped`; the log of each step by its name."""

    ending: str
    logs: dict[str, str] = field(default_factory=dict)
    envs: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""

    @property
    def log(self) -> str:
        """All of it."""
        return "\n".join(self.logs.values())


@dataclass
class Player:
    """A repository with its GitHub environments.

    Args:
        origin: the repository that is checked out.
        folder: where workspaces and artifacts go.
        secrets: by environment; "" for the repository's own.
        variables: the same.
        prepare: what a test does to the workspace after its checkouts, such as a warm cache of packages.
        path: folders before those of `PATH`.
        during: what happens while a step of the desk runs, given the step's shell.
    """

    origin: Path
    folder: Path
    secrets: Mapping[str, Mapping[str, str]]
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    prepare: Callable[[Path], None] = lambda _workspace: None
    path: str = ""
    during: Callable[[subprocess.Popen[str]], None] = lambda _shell: None
    played: int = 0

    def push(self, workflow: Mapping[str, Any], branch: str, **jobs: bool) -> dict[str, Result]:
        """A push to a branch, whose head it has in the origin."""
        if branch not in workflow["on"]["push"].get("branches", [branch]):
            return {}
        return self._play(workflow, {"event_name": "push", "ref_name": branch}, {}, jobs)

    def dispatch(self, workflow: Mapping[str, Any], branch: str, **inputs: str) -> dict[str, Result]:
        """A person presses "Run workflow" on a branch."""
        declared = workflow["on"]["workflow_dispatch"]["inputs"]
        for name, value in inputs.items():
            assert value in declared[name].get("options", [value]), name
        values = {name: inputs.get(name, each.get("default", "")) for name, each in declared.items()}
        return self._play(workflow, {"event_name": "workflow_dispatch", "ref_name": branch}, values, {})

    def pull(
        self, workflow: Mapping[str, Any], head: str, base: str, action: str, *, repository: str = "o/r"
    ) -> dict[str, Result]:
        """Something happens to a pull request; `repository` is where its branch is."""
        declared = workflow["on"]["pull_request"]
        if base not in declared["branches"] or action not in declared["types"]:
            return {}
        pull = {"head": {"ref": head, "repo": {"full_name": repository}}}
        event = {
            "event_name": "pull_request",
            "ref_name": base,  # where its jobs check out; GitHub has the merge of both there
            "head_ref": head,
            "base_ref": base,
            "repository": "o/r",
            "event": {"action": action, "pull_request": pull},
        }
        return self._play(workflow, event, {}, {})

    def night(self, workflow: Mapping[str, Any], branch: str) -> dict[str, Result]:
        """The schedule of a workflow, which runs on the default branch."""
        assert workflow["on"]["schedule"]
        return self._play(workflow, {"event_name": "schedule", "ref_name": branch}, {}, {})

    def _play(
        self,
        workflow: Mapping[str, Any],
        event: dict[str, Any],
        inputs: Mapping[str, str],
        left_out: Mapping[str, bool],
    ) -> dict[str, Result]:
        """Every job in order; a job whose condition or needs are not met is skipped."""
        branch = event["ref_name"]
        sha = _git(self.origin, "rev-parse", f"refs/heads/{branch}")
        github = {**event, "sha": sha, "ref": f"refs/heads/{branch}", "token": "ghs_of_the_job_0123456789"}
        results: dict[str, Result] = {}
        for name, job in workflow["jobs"].items():
            contexts = {"github": {**github, "job": name}, "inputs": inputs}
            met = all(results[each].ending == "success" for each in job.get("needs", ()))
            if left_out.get(name) is False or not met or not self._true(job.get("if", "true"), contexts):
                results[name] = Result("skipped")
            else:
                results[name] = self._job(job, contexts)
        return results

    def _job(self, job: Mapping[str, Any], contexts: dict[str, Any]) -> Result:
        environment = job.get("environment", "")
        environment = environment["name"] if isinstance(environment, dict) else environment
        contexts["secrets"] = {**self.secrets.get("", {}), **self.secrets.get(environment, {})}
        contexts["vars"] = {**self.variables.get("", {}), **self.variables.get(environment, {})}
        self.played += 1
        place = self.folder / str(self.played)
        workspace, home = place / "workspace", place / "home"
        for each in (workspace, home):
            each.mkdir(parents=True)
        result = Result("success")
        checkouts = [step for step in job["steps"] if "actions/checkout@" in step.get("uses", "")]
        for step in checkouts:
            given = step["with"]
            ref = self._text(given.get("ref", ""), contexts) if "repository" not in given else ""
            sha = _git(self.origin, "rev-parse", f"refs/heads/{ref}") if ref else contexts["github"]["sha"]
            self._check_out(given, workspace, sha)
        self.prepare(workspace)
        for step in (each for each in job["steps"] if each not in checkouts):
            contexts["failed"] = result.ending == "failure"
            if self._true(step.get("if", "success()"), contexts):
                self._step(step, contexts, workspace, home, result)
        summary = place / "summary.md"
        result.summary = summary.read_text() if summary.exists() else ""
        return result

    def _check_out(self, given: Mapping[str, Any], workspace: Path, sha: str) -> None:
        assert given["persist-credentials"] is False
        if "repository" in given:  # the desk: `prepare` puts it there
            return
        target = workspace / given.get("path", ".")
        target.mkdir(exist_ok=True)
        _git(target, "init", "-q")
        _git(target, "remote", "add", "origin", str(self.origin))
        _git(target, "fetch", "-q", "--depth=1", f"file://{self.origin}", sha)
        _git(target, "checkout", "-q", sha)

    def _step(
        self,
        step: Mapping[str, Any],
        contexts: Mapping[str, Any],
        workspace: Path,
        home: Path,
        result: Result,
    ) -> None:
        if "run" not in step:
            self._artifact(step, workspace)
            return
        given = {key: self._text(value, contexts) for key, value in step.get("env", {}).items()}
        github = contexts["github"]
        base = {
            **{name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ},
            "PATH": f"{self.path}{os.pathsep if self.path else ''}{os.environ['PATH']}",
            "HOME": str(home),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_STEP_SUMMARY": str(workspace.parent / "summary.md"),
            "GITHUB_SHA": github["sha"],
            "GITHUB_REF": github["ref"],
            "GITHUB_REF_NAME": github["ref_name"],
            "GITHUB_EVENT_NAME": github["event_name"],
        }
        assert "${{" not in step["run"], step["run"]
        script = workspace.parent / "step.sh"
        script.write_text(step["run"])
        with subprocess.Popen(
            ["bash", "-e", str(script)],
            cwd=workspace / step.get("working-directory", "."),
            env={**base, **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as shell:
            if "scripts/bootstrap" in step["run"]:
                self.during(shell)
            result.logs[step["name"]] = shell.communicate(timeout=SECONDS)[0]
        result.envs[step["name"]] = given
        if shell.returncode:
            result.ending = "failure"

    def _artifact(self, step: Mapping[str, Any], workspace: Path) -> None:
        if "actions/upload-artifact@" in step["uses"]:
            source = workspace / step["with"]["path"]
            if source.is_dir():
                shutil.copytree(source, workspace.parent / "artifacts")

    def _text(self, value: object, contexts: Mapping[str, Any]) -> str:
        return EXPRESSION.sub(lambda found: str(_value(found[1], contexts) or ""), str(value))

    def _true(self, condition: object, contexts: Mapping[str, Any]) -> bool:
        found = EXPRESSION.fullmatch(str(condition).strip())
        return bool(_value(found[1] if found else str(condition), contexts))


def _value(expression: str, contexts: Mapping[str, Any]) -> object:
    """An expression: names, texts, `==`, `!=`, `!`, `&&`, `||`."""

    def looked_up(match: re.Match[str]) -> str:
        word = match[0]
        if word.startswith("'"):
            return repr(word[1:-1].replace("''", "'"))
        calls = {"success()": not contexts.get("failed"), "cancelled()": False, "true": True}
        if word in calls:
            return str(calls[word])
        value: Any = contexts
        for part in word.split("."):
            value = value.get(part, "") if isinstance(value, Mapping) else ""
        return repr(value)

    text = NAME.sub(looked_up, expression.strip()).replace("&&", " and ").replace("||", " or ")
    return eval(re.sub(r"!(?!=)", " not ", text), {"__builtins__": {}})  # noqa: S307 - our own workflows


def _git(folder: Path, *arguments: str) -> str:
    argv = ["git", "-C", str(folder), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
