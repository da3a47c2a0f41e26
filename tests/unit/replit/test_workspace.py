"""The script that runs in the Replit workspace: a real bash, real repositories, a real answer line."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.errors import CommandFailed, DeskError, Refused, ReleaseFailed, Unreachable
from scripts.replit import workspace
from scripts.replit.live import Expected
from scripts.replit.workspace import Build, Placed, WorkspaceDriver, place, script, ssh
from scripts.system.command import Command, Result
from scripts.system.process import Waiting, attempt, end_all
from scripts.system.secret import MASK, remember
from tests.fakes.world import World
from tests.support.processes import wait_until
from tests.support.repositories import Repository, clone, seeded
from tests.support.servers import closed_port

CANDIDATE = "refs/deploy/candidate/staging/r1"
BUILD = ("sh", "-c", 'mkdir -p dist && printenv VITE_X >dist/x; git rev-parse HEAD >>"$PWD/builds.log"')
BASH = shutil.which("bash") or "/bin/bash"


class Place:
    """An origin, a developer, and the workspace as it stands on Replit."""

    git_config = os.devnull

    def __init__(self, folder: Path) -> None:
        self.origin, self.writer = seeded(folder)
        (self.writer.folder / ".gitignore").write_text("dist\nnode_modules\n*.log\n")
        self.writer.commit("ignored", package_lock__json="one")
        self.writer.git("push", "-q", "origin", "develop")
        self.workspace: Repository = clone(self.origin, folder / "work space", "--branch=develop")
        self.before = self.workspace.git("rev-parse", "HEAD")
        self.commit = self.next("released")

    def next(self, message: str, **files: str) -> str:
        """A new commit that is on the remote under the candidate ref alone."""
        commit = self.writer.commit(message, **files)
        self.writer.git("push", "-q", "--force", "origin", f"{commit}:{CANDIDATE}")
        return commit

    def order(self, **changes: Any) -> Build:
        """A good order for the commit."""
        known: dict[str, Any] = {
            "workspace": str(self.workspace.folder),
            "commit": self.commit,
            "candidate": CANDIDATE,
            "install": (),
            "build": BUILD,
            "lockfile": "package_lock.json",
            "output": "dist",
            "stamp": {"commit": self.commit, "schema": None, "environment": "staging"},
            "variables": {"VITE_X": "it's $HOME"},
        }
        return Build(**{**known, **changes})

    def run(self, timeout: float = 20.0, *, looks: bool = False, **changes: Any) -> dict[str, str]:
        """Feed the script to a real bash, and read its answer as the desk does."""
        result = attempt(bash(script(self.order(**changes), looks=looks), timeout, self.git_config))
        (line,) = result.text.splitlines()
        answer = workspace._answer(result)
        assert answer is not None
        coded = json.loads(line)
        assert {**coded, "detail": answer["detail"]} == answer
        assert len(coded["detail"]) < 45_000
        return answer

    @property
    def head(self) -> str:
        """Where the workspace stands."""
        return self.workspace.git("rev-parse", "HEAD")


def bash(text: str, timeout: float = 20.0, git_config: str = os.devnull) -> Command:
    """What ssh runs on the other side."""
    return Command(
        (BASH, "-s"), stdin=text.encode(), timeout=timeout, env={"GIT_CONFIG_GLOBAL": git_config}
    )


@pytest.fixture
def there(tmp_path: Path) -> Place:
    """A workspace one commit behind what is to be released."""
    return Place(tmp_path)


# ---------------------------------------------------------------------------------------- the good way


def test_the_workspace_comes_to_the_commit_built_and_stamped(there: Place) -> None:
    """It stands at the very commit, detached, built with the variables, and stamped with the stamp."""
    answer = there.run()
    dist = there.workspace.folder / "dist"

    assert ("ready", "", there.commit, there.before) == tuple(
        answer[k] for k in ("desk", "rule", "commit", "previous")
    )
    assert there.commit == there.head
    assert {"commit": there.commit, "schema": None, "environment": "staging"} == json.loads(
        (dist / "version.json").read_text()
    )
    assert "it's $HOME\n" == (dist / "x").read_text()
    assert "HEAD" == there.workspace.git("rev-parse", "--abbrev-ref", "HEAD")


def test_the_stamp_names_the_scripts_and_styles_that_were_built(there: Place) -> None:
    """By their digests, whatever their names; so an old bundle beside a new stamp can be told."""
    files = {"a b.js": "one", "c.css": "two", "page.html": "three"}
    make = "; ".join(f"printf {text} >'dist/{name}'" for name, text in files.items())
    there.run(build=("sh", "-c", f"mkdir -p dist; {make}"))
    stamp = json.loads((there.workspace.folder / "dist" / "version.json").read_text())

    assert stamp["commit"] == there.commit
    assert stamp["assets"] == sorted(hashlib.sha256(each).hexdigest()[:16] for each in (b"one", b"two"))


def test_a_nested_app_is_installed_built_and_stamped_in_its_folder(there: Place) -> None:
    """`install` runs beside a lock file above the app; the second time it is skipped."""
    build = ("sh", "-c", "mkdir -p dist && cat public/version.json >dist/seen && pwd >dist/pwd")
    there.writer.commit("nested", **{"pnpm-lock.yaml": "1", "apps/web/index.html": "x"})
    order: dict[str, Any] = {
        "commit": there.next("nested", **{"apps/web/index.html": "y"}),
        "install": ("sh", "-c", "mkdir -p node_modules && pwd >>install.log"),
        "build": build,
        "folder": "apps/web",
        "lockfile": "../../pnpm-lock.yaml",
        "static": "public",
    }
    there.run(**order)
    answer = there.run(**order)
    top, web = there.workspace.folder, there.workspace.folder / "apps" / "web"

    assert "ready" == answer["desk"], answer["detail"]
    assert f"{top}\n" == (top / "install.log").read_text()  # once
    assert f"{web}\n" == (web / "dist" / "pwd").read_text()
    assert (web / "dist" / "seen").read_text() == (web / "dist" / "version.json").read_text()


@pytest.mark.parametrize(
    ("changes", "rule", "text"),
    [
        ({"folder": "apps/web"}, "build", "no folder apps/web"),
        ({"static": "public"}, "stamp", "public/version.json of its own"),
    ],
)
def test_a_folder_that_is_not_there_and_a_stamp_that_is_the_apps(
    there: Place, changes: dict[str, Any], rule: str, text: str
) -> None:
    """Both are told; nothing is built."""
    answer = there.run(commit=there.next("own stamp", **{"public/version.json": "{}"}), **changes)

    assert ("failed", rule) == (answer["desk"], answer["rule"])
    assert text in answer["detail"]
    assert not (there.workspace.folder / "dist").exists()


def test_the_commit_is_fetched_and_nothing_else(there: Place) -> None:
    """Other branches may be many and large; tags are of no use to a build."""
    there.writer.git("push", "-q", "origin", "HEAD:refs/heads/other", "HEAD:refs/tags/v1")
    before = there.workspace.refs()

    assert there.run()["desk"] == "ready"
    assert before == there.workspace.refs()
    assert there.workspace.git("rev-parse", "--is-shallow-repository") == "false"
    assert there.workspace.git("merge-base", "HEAD", "refs/heads/develop") == there.before


def test_a_commit_that_was_pushed_from_elsewhere_is_no_work_that_would_be_lost(there: Place) -> None:
    """Only the remote knows: its branches are asked for then."""
    made = there.workspace.commit("by hand", other="1")
    there.workspace.git("push", "-q", "origin", f"{made}:refs/heads/mine")
    there.workspace.git("update-ref", "-d", "refs/remotes/origin/mine")

    assert there.run()["desk"] == "ready"
    assert there.workspace.refs()["refs/remotes/origin/mine"] == made


def test_the_workspaces_branches_stay(there: Place) -> None:
    """Only HEAD and what is seen of the remote move; the candidate leaves no ref."""
    before = {r: s for r, s in there.workspace.refs().items() if r.startswith("refs/heads/")}

    there.run()
    after = there.workspace.refs()

    assert before == {r: s for r, s in after.items() if r.startswith("refs/heads/")}
    assert [] == [ref for ref in after if "release-desk" in ref]


def test_it_can_be_repeated(there: Place) -> None:
    """The same order twice ends alike, and so does the way back to an older commit."""
    there.run()

    assert ("ready", there.commit) == ((second := there.run())["desk"], second["previous"])

    old = there.before
    there.writer.git("push", "-q", "--force", "origin", f"{old}:{CANDIDATE}")

    assert "ready" == there.run(commit=old)["desk"]
    assert old == there.head


def test_an_app_without_install_and_build_is_stamped(there: Place) -> None:
    """Where the output lies in the commit itself there is nothing to run."""
    (there.workspace.folder / "dist").mkdir()

    assert "ready" == there.run(install=(), build=())["desk"]


def test_install_runs_when_the_lockfile_changed(there: Place) -> None:
    """The same lockfile is installed once, another one again, and a missing `node_modules` again."""
    install = ("sh", "-c", "mkdir -p node_modules; echo >>installs.log")
    log = there.workspace.folder / "installs.log"

    def installed() -> int:
        there.run(install=install)
        return len(log.read_text().splitlines())

    counts = [installed(), installed()]
    there.commit = there.next("lockfile", package_lock__json="two")
    counts += [installed(), installed()]
    shutil.rmtree(there.workspace.folder / "node_modules")
    counts.append(installed())

    assert [1, 1, 2, 2, 3] == counts


def test_a_failed_install_is_tried_again(there: Place) -> None:
    """What was half installed does not count as installed."""
    once = "mkdir -p node_modules; echo >>installs.log; [ $(wc -l <installs.log) = 2 ]"

    assert [("failed", "install"), ("ready", "")] == [
        (answer["desk"], answer["rule"])
        for answer in (there.run(install=("sh", "-c", once)) for _ in range(2))
    ]


# ---------------------------------------------------------------------------------------- refusals


def spoil_modified(there: Place) -> None:
    """A tracked file that was changed."""
    (there.workspace.folder / "file").write_text("somebody's work")


def spoil_staged(there: Place) -> None:
    """A change in the index."""
    spoil_modified(there)
    there.workspace.git("add", "file")


def spoil_untracked(there: Place) -> None:
    """A new file in a new folder."""
    (there.workspace.folder / "new").mkdir()
    (there.workspace.folder / "new" / "file").write_text("somebody's work")


def spoil_commit(there: Place) -> None:
    """A commit that Replit's agent made."""
    there.workspace.commit("made here", other="x")


def spoil_branch(there: Place) -> None:
    """A commit on a branch that is not checked out."""
    there.workspace.git("switch", "-q", "-c", "agent")
    there.workspace.commit("made here", other="x")
    there.workspace.git("switch", "-q", "develop")


def spoil_detached(there: Place) -> None:
    """A commit on no branch at all."""
    there.workspace.git("switch", "-q", "--detach")
    there.workspace.commit("made here", other="x")


SPOILS: list[tuple[Callable[[Place], None], str]] = [
    (spoil_modified, "dirty"),
    (spoil_staged, "dirty"),
    (spoil_untracked, "dirty"),
    (spoil_commit, "unpushed"),
    (spoil_branch, "unpushed"),
    (spoil_detached, "unpushed"),
]


@pytest.mark.parametrize(("spoil", "rule"), SPOILS, ids=[spoil.__name__ for spoil, _ in SPOILS])
@pytest.mark.parametrize("first", [True, False], ids=["first release", "later release"])
def test_local_work_is_never_lost(
    there: Place, spoil: Callable[[Place], None], rule: str, first: bool
) -> None:
    """Work that is only in the workspace stops the release, and is still there afterwards."""
    if not first:
        there.run()
        there.workspace.git("switch", "-q", "develop")
        there.commit = there.next("another")
    spoil(there)
    head, status = there.head, there.workspace.git("status", "--porcelain", "--untracked-files=all")

    answer = there.run()

    assert ("refused", rule, head) == (answer["desk"], answer["rule"], answer["commit"])
    assert head == there.head
    assert status == there.workspace.git("status", "--porcelain", "--untracked-files=all")


def test_ignored_files_and_the_output_are_no_dirt(there: Place) -> None:
    """Packages, logs and what a former build left do not stand in the way."""
    (there.workspace.folder / "some.log").write_text("x")
    (there.workspace.folder / ".gitignore").read_text()
    (there.workspace.folder / "public").mkdir()
    (there.workspace.folder / "public" / "old").write_text("a former build, ignored by nobody")

    assert "ready" == there.run(output="public", build=("mkdir", "public"))["desk"]


def test_another_run_is_not_disturbed(there: Place) -> None:
    """A second release waits for the first, and is refused when its patience is over."""
    slow = script(there.order(build=("sh", "-c", "touch started.log; sleep 20")))
    with subprocess.Popen(
        [BASH, "-s"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    ) as one:
        try:
            assert one.stdin
            one.stdin.write(slow.encode())
            one.stdin.close()

            assert wait_until((there.workspace.folder / "started.log").exists, 10)
            assert ("refused", "busy") == ((answer := there.run(patience=1))["desk"], answer["rule"])
        finally:
            os.killpg(one.pid, 9)


def test_a_folder_that_is_not_there(there: Place, tmp_path: Path) -> None:
    """A wrong `workspace` is named."""
    answer = there.run(workspace=str(tmp_path / "nowhere"))

    assert ("refused", "no-workspace") == (answer["desk"], answer["rule"])


@pytest.mark.parametrize("made", ["plain", "git init"])
def test_a_folder_that_is_no_checkout(there: Place, tmp_path: Path, made: str) -> None:
    """A folder without the app's repository, or with an empty one, is named and left as it is."""
    folder = tmp_path / "empty"
    folder.mkdir()
    if made == "git init":
        Repository(folder).git("init", "-q")
    before = sorted(folder.rglob("*"))

    answer = there.run(workspace=str(folder))

    assert ("refused", "no-repository") == (answer["desk"], answer["rule"])
    assert before == sorted(folder.rglob("*"))


# ---------------------------------------------------------------------------------------- failures


def test_a_remote_that_is_gone(there: Place) -> None:
    """A fetch that fails moves nothing and says what git said."""
    there.origin.folder.rename(there.origin.folder.with_name("gone.git"))

    answer = there.run()

    assert ("failed", "fetch", there.before) == (answer["desk"], answer["rule"], there.head)
    assert "does not appear to be a git repository" in answer["detail"]


def test_a_candidate_that_is_gone(there: Place) -> None:
    """A run whose candidate somebody deleted fails at the fetch."""
    there.origin.git("update-ref", "-d", CANDIDATE)

    assert ("failed", "fetch") == ((answer := there.run(patience=1))["desk"], answer["rule"])


def test_a_commit_that_the_remote_does_not_have(there: Place) -> None:
    """Another commit than the candidate brought is not made up."""
    answer = there.run(commit="0123456789" * 4)

    assert ("failed", "fetch", there.before) == (answer["desk"], answer["rule"], there.head)


BROKEN = [
    (("false",), "build"),
    (("no-such-program",), "build"),
    (("sh", "-c", "exit 0"), "build"),  # no output folder
    (("sh", "-c", "mkdir dist; git checkout -q HEAD~1"), "build"),
    (("sh", "-c", "mkdir -p dist/version.json.part"), "stamp"),
]


@pytest.mark.parametrize(("build", "rule"), BROKEN, ids=str)
def test_a_build_that_fails(there: Place, build: tuple[str, ...], rule: str) -> None:
    """A bad exit code, no output, a moved HEAD, a stamp that can't be written: each has its rule."""
    assert ("failed", rule) == ((answer := there.run(build=build))["desk"], answer["rule"])


SAID = [
    ("s3cr&t's \"v\\lue/ö+%41€😀", "x" * 290 + "{}"),  # the line was cut in the midst of it
    ("0f1e2d3c4b5a69788796", "\x1b[31m{}\x1b[39m"),
    ("0f1e2d3c4b5a69788796", "    at frame (file:///a.js:1:2)\n" * 30 + "{}"),
    ("first-line-of-a-key\nsecond-line-of-a-key", "{}"),
    ('quo"ted\\and/slashed', "value: {}"),
    ("0123456789abcdef" * 20, "{}\n" * 200),  # longer than what is sent back
]


@pytest.mark.parametrize(("secret", "words"), SAID, ids=range(len(SAID)))
def test_what_a_build_said_is_masked_before_it_is_cut(there: Place, secret: str, words: str) -> None:
    """What the script cut or altered was no longer known as a secret."""
    remember(secret)
    said = there.workspace.folder / "said.log"
    said.write_text(f"the reason\n{words.replace('{}', secret)}\n")

    answer = there.run(build=("sh", "-c", "cat said.log; exit 3"))
    with pytest.raises(ReleaseFailed) as failed:
        workspace._judge("host", answer)

    message = failed.value.message
    assert MASK in message
    assert not any(secret[at : at + 6] in message for at in range(len(secret) - 5))
    assert max(map(len, message.splitlines())) < 500


def test_the_last_words_of_a_build_come_back(there: Place) -> None:
    """The reason is there, on both streams, short, line by line, and free of control characters."""
    words = (
        "for i in $(seq 40); do echo line $i; done; printf 'a\\033[31m \"q\" \\\\ \\377 é\\n' >&2; exit 3"
    )

    with pytest.raises(ReleaseFailed) as failed:
        workspace._judge("host", there.run(build=("sh", "-c", words)))

    lines = failed.value.message.splitlines()
    assert lines[-2:] == ["  | line 40", '  | a "q" \\ \ufffd é']
    assert "  | line 5" not in lines


def test_the_reason_of_a_build_is_found_before_the_frames_of_its_stack(there: Place) -> None:
    """Vite says why first, and then where in its own code."""
    frame = "    at getRollupError (file:///w/node_modules/rollup/dist/es/shared/parseAst.js:402:41)"
    lines = [
        "x Build failed in 22ms",
        "error during build:",
        'Could not resolve "./missing-file"',
        *[frame] * 40,
    ]
    (there.workspace.folder / "said.log").write_text("\n".join(lines))

    answer = there.run(build=("sh", "-c", "cat said.log; exit 1"))

    with pytest.raises(ReleaseFailed, match=r'\n  \| Could not resolve "./missing-file"$'):
        workspace._judge("host", answer)


def test_the_reason_at_the_head_of_a_long_log_comes_back(there: Place) -> None:
    """The log is named as well; it is on Replit."""
    words = "echo 'error TS1: why'; for i in $(seq 4000); do echo part $i of many; done; exit 3"

    with pytest.raises(ReleaseFailed) as failed:
        workspace._judge("host", there.run(build=("sh", "-c", words)))

    assert failed.value.message.splitlines()[1] == "  | error TS1: why"
    assert "`.git/release-desk/log`" in str(failed.value.hint)


@pytest.mark.parametrize("detail", ["", "no base64: é", "A", "//79"])
def test_an_answer_that_is_not_coded_is_read_all_the_same(detail: str) -> None:
    """Whoever answers there may be anybody."""
    result = Result(0, json.dumps(said(detail=detail)).encode(), b"", 0.1)

    assert workspace._answer(result)


def test_what_a_build_said_stays_there(there: Place) -> None:
    """Sending what it built writes into no log of its; `monitor.logs` reads it."""
    order = there.order(build=("sh", "-c", "mkdir -p dist; echo built well"))
    attempt(bash(script(order, "--mark--")))

    assert (there.workspace.folder / workspace.LOG).read_text() == "built well\n"


def test_an_archive_that_broke_off_is_not_shown() -> None:
    """Only an answer may follow it: the rest is the folder's bytes, and any of them may be a secret's."""
    broken = b"banner\n--mark--\n\x1f\x8b rest of a key 1\n" + b'{"desk":"failed","rule":"send"}\n'

    text, archive = workspace._apart(broken, b"--mark--")

    assert (text, archive) == (b'banner\n{"desk":"failed","rule":"send"}', b"")


def test_an_answer_of_the_build_does_not_count(there: Place) -> None:
    """A build that prints the desk's own good answer does not pass for it."""
    fake = json.dumps({"desk": "ready", "rule": "", "commit": there.commit})

    assert "failed" == there.run(build=("sh", "-c", f"echo '{fake}'; exit 1"))["desk"]


def test_a_process_that_the_build_leaves_behind_does_not_hold_the_answer(there: Place) -> None:
    """A build server in the background keeps neither the ssh session nor the lock of the workspace."""
    started = time.monotonic()

    answer = there.run(timeout=15, build=("sh", "-c", "mkdir -p dist; sleep 5 & exit 0"))

    assert "ready" == answer["desk"]
    assert time.monotonic() - started < 4
    assert "ready" == there.run()["desk"]


# ---------------------------------------------------------------------------------------- quoting

ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
INPUTS = ("WORKSPACE", "COMMIT", "CANDIDATE", "REMOTE", "LOCKFILE", "OUTPUT")


def order_of(texts: list[str], *, words: list[str], stamp: str) -> Build:
    """An order of which every input is arbitrary."""
    folder, commit, candidate, remote, lockfile, output = texts
    return Build(
        folder,
        commit,
        candidate,
        ("true",),
        words,
        lockfile,
        output,
        {"commit": stamp},
        {"X": stamp},
        remote,
    )


@given(st.lists(ANY, min_size=6, max_size=6), st.lists(ANY, min_size=1, max_size=3), ANY)
def test_any_text_arrives_unchanged(texts: list[str], words: list[str], stamp: str) -> None:
    """Inputs, variables, the stamp and each word of the build reach the remote bash as they are."""
    order = order_of(texts, words=["printf", "%s\\0", *words], stamp=stamp)
    head = script(order).removesuffix(workspace._template())
    shown = " ".join(f'"${name}"' for name in INPUTS)
    show = f'\nbuild_environment\nprintf \'%s\\0\' {shown} "$STAMP" "$X"\neval "$BUILD"\nprintenv -0 X'

    result = attempt(replace(bash(head + show), env={"LC_ALL": "C.UTF-8"}))

    assert [*texts, json.dumps({"commit": stamp}), stamp, *words, stamp, ""] == result.out.decode().split(
        "\0"
    )


HOSTILE = [
    "$(touch hacked)",
    "`touch hacked`",
    "'; touch hacked; '",
    '"; touch hacked; "',
    "\n touch hacked\n",
    "-x",
    "--upload-pack=touch hacked",
    "a b",
    "*",
    "!!",
    "\\",
]


@pytest.mark.parametrize("field", ["workspace", "commit", "candidate", "output", "lockfile", "remote"])
def test_hostile_inputs_run_nothing(there: Place, field: str) -> None:
    """No input of the script is ever a command or an option."""
    for text in HOSTILE:
        attempt(replace(bash(script(there.order(**{field: text}))), cwd=there.workspace.folder))

    assert [] == list(there.workspace.folder.parent.rglob("hacked"))


# ------------------------------------------------------------------------ ssh, and what is made of it


def test_the_ssh_command_is_exact() -> None:
    """No terminal, no question, a limit for connecting, and the host behind `--`."""
    expected = (
        "ssh -F /c -T -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=10 "
        "-o ServerAliveCountMax=3 -- host"
    ).split()
    command = ssh("host", "/c", "the script", 9.0)

    assert (*expected, "bash -s") == command.argv
    assert (b"the script", 9.0) == (command.stdin, command.timeout)
    assert "-F" not in ssh("host", None, "", 1).argv


def test_variables_never_stand_in_the_arguments(there: Place) -> None:
    """A build variable travels on stdin, where `ps` does not show it."""
    order = there.order(variables={"VITE_X": "seen-by-nobody"})
    command = ssh("host", None, script(order), 1)

    assert "seen-by-nobody" not in f"{command.argv} {command!r} {order!r}"
    assert b"seen-by-nobody" in (command.stdin or b"")


def test_a_host_that_is_not_there_is_unreachable(there: Place, tmp_path: Path) -> None:
    """No answer line means that nobody knows how the workspace stands: code 3, and how to try by hand."""
    config = tmp_path / "ssh config"
    config.write_text(
        f"Host far\n HostName 127.0.0.1\n Port {closed_port()}\n UserKnownHostsFile /dev/null\n"
    )

    with pytest.raises(Unreachable, match="no answer from the workspace `far`") as caught:
        place("far", str(config), there.order(), 20)

    assert 3 == caught.value.code
    assert caught.value.hint


def said(**answer: str) -> dict[str, str]:
    """An answer of the workspace."""
    return {"desk": "failed", "rule": "", "commit": "", "previous": "", "detail": "", **answer}


JUDGED: list[tuple[dict[str, str], type[DeskError]]] = [
    *(
        (said(desk="refused", rule=rule), Refused)
        for rule in ("dirty", "unpushed", "busy", "no-workspace", "no-repository")
    ),
    (said(desk="refused", rule="new-rule"), Refused),
    *((said(rule=rule), ReleaseFailed) for rule in ("install", "build", "stamp")),
    *((said(rule=rule), CommandFailed) for rule in ("fetch", "checkout", "")),
    ({"desk": "odd"}, CommandFailed),
]


@pytest.mark.parametrize(("answer", "kind"), JUDGED, ids=lambda value: str(value)[:50])
def test_each_answer_has_its_error(answer: dict[str, str], kind: type[DeskError]) -> None:
    """A refusal, a bad commit and another program's failure are told apart."""
    with pytest.raises(DeskError) as caught:
        workspace._judge("host", answer)

    assert kind is type(caught.value)


def test_a_good_answer_is_no_error() -> None:
    """`ready` goes on."""
    assert workspace._judge("host", said(desk="ready")) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("out", "found"),
    [
        (b'Welcome to Replit!\n{"desk": "ready"}\n', True),
        (b'{"banner": 1}\n{"desk": "ready"}\nbye\n', True),
        (b"", False),
        (b"Welcome\n", False),
        (b'"desk"\n["desk"]\n1\nnull\n', False),
        (b'{"desk": "rea', False),
        (b"\xff\xfe\n", False),
        (b"[" * 100_000, False),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_answer_is_found_among_other_lines(out: bytes, found: bool) -> None:
    """Banners and noise are passed over; without the line there is no answer."""
    assert found == (workspace._answer(Result(0, out, b"", 0.1)) is not None)


# --------------------------------------------------------------------- what the drivers share: the build


def test_a_driver_builds_the_exact_commit_with_the_variables_of_its_environment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stamped for that environment; of the values only those that the app's build gets."""
    ordered: list[Any] = []

    def order(*arguments: Any) -> Placed:
        ordered.extend(arguments)
        return Placed(b"archive", "put back:\n M x")

    monkeypatch.setattr(workspace, "place", order)
    app = world.settings.app._replace(build_variables=("VITE_X",))
    values = {"VITE_X": "1", "DATABASE_URL": "secret"}
    desk = world.desk(settings=replace(world.settings, app=app), values=lambda _: values)
    staging = world.settings.environments["staging"]._replace(ssh_config="ssh_config")
    expected = Expected("a" * 40, "staging", "20240101000000")
    archive = WorkspaceDriver(desk, staging).build(expected, CANDIDATE, send=True)
    host, config, build, timeout, waiting = ordered

    assert archive == b"archive"
    assert (host, config, timeout) == ("staging", str(desk.config_folder / "ssh_config"), 900)
    assert waiting is None
    assert (build.commit, build.candidate, build.send) == ("a" * 40, CANDIDATE, True)
    assert build.variables == {"VITE_X": "1"}
    assert build.stamp == {
        "commit": "a" * 40,
        "environment": "staging",
        "schema": "20240101000000",
        "built_at": world.clock.now(),
    }


def test_a_build_without_its_variables_does_not_begin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app would be built, and be dead."""
    monkeypatch.setattr(workspace, "place", lambda *_: pytest.fail("it began"))
    app = world.settings.app._replace(build_variables=("VITE_X",))
    desk = world.desk(settings=replace(world.settings, app=app), values=lambda _: {})
    driver = WorkspaceDriver(desk, world.settings.environments["staging"])

    with pytest.raises(Refused, match="`VITE_X`"):
        driver.build(Expected("a" * 40, "staging"), CANDIDATE)


@pytest.mark.parametrize("session", ["none", "waits", "has broken"])
def test_a_build_takes_the_session_that_waits_for_it(
    there: Place, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    """One that has broken meanwhile costs nothing: another one is made."""
    monkeypatch.setattr(workspace, "ssh", lambda *given: bash(given[2], given[3]))
    waiting = None if session == "none" else Waiting(bash(""))
    if waiting and session == "has broken":
        waiting.end()

    placed = place("staging", None, there.order(send=True), 20, waiting)

    assert there.commit == there.head
    assert placed.archive
    assert waiting is None or not waiting.lives


def test_a_session_opened_for_a_build_ends_without_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was changed there; a machine without ssh is told of by the build."""
    monkeypatch.setattr(workspace, "ssh", lambda *given: bash(given[2], given[3]))
    driver, other = (WorkspaceDriver(world.desk(), world.settings.environments["staging"]) for _ in "12")
    driver.disconnect()
    driver.connect()
    (waiting,) = workspace._sessions.values()
    other.connect()
    assert list(workspace._sessions.values()) == [waiting]
    assert waiting.lives
    other.disconnect()
    monkeypatch.setattr(workspace, "ssh", lambda *_: Command(("no-such-program",)))
    driver.connect()

    assert not waiting.lives
    assert workspace._sessions == {}


def test_a_session_that_has_broken_is_opened_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network was away while the run was planning."""
    monkeypatch.setattr(workspace, "ssh", lambda *given: bash(given[2], given[3]))
    driver = WorkspaceDriver(world.desk(), world.settings.environments["staging"])
    driver.connect()
    (broken,) = workspace._sessions.values()
    end_all()

    driver.connect()
    (waiting,) = workspace._sessions.values()
    lives = waiting.lives
    driver.disconnect()

    assert waiting is not broken
    assert lives


def test_source_maps_are_sent_and_not_published(there: Place) -> None:
    """Only where somebody gets them: the desk, for Sentry."""
    build = (
        "sh",
        "-c",
        "mkdir -p dist/assets; for f in a.js a.js.map b.css.map data.map; do : >dist/assets/$f; done",
    )
    order = there.order(build=build, without_maps=True)
    result = attempt(bash(script(order, "-- mark --")))
    kept = sorted(path.name for path in (there.workspace.folder / "dist" / "assets").iterdir())

    assert kept == ["a.js", "data.map"]
    assert len(result.out) > 300  # the archive came before
    there.run(build=build)
    assert (there.workspace.folder / "dist" / "assets" / "a.js.map").exists()
