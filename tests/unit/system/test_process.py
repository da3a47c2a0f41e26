"""Commands are run, judged, streamed and ended: with real children."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.errors import CommandFailed, CommandTimedOut
from scripts.system import process, signals
from scripts.system.command import BASE, Command, Result
from scripts.system.network import CERTIFICATES
from scripts.system.process import (
    Waiting,
    attempt,
    end_all,
    error_tail,
    run,
    run_in_background,
    run_polling,
    stream_lines,
    stream_stdout,
)
from scripts.system.secret import MASK, remember
from tests.support.processes import PYTHON, alive, pid_in, wait_until

# a child whose own child shrugs off SIGTERM and writes its pid where the test finds it
FAMILY = """
import os, signal, subprocess, sys, time
grandchild = ("import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
              "open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)")
subprocess.Popen([sys.executable, "-c", grandchild, sys.argv[1]])
time.sleep(60)
"""


def python(code: str, *arguments: str, **options: object) -> Command:
    """A command that runs Python code."""
    return Command((PYTHON, "-c", code, *arguments), **options)  # type: ignore[arg-type]


@pytest.fixture
def grandchild(tmp_path: Path) -> Iterator[Path]:
    """Where a grandchild writes its pid; it is ended after the test, whatever happens."""
    file = tmp_path / "grandchild.pid"
    yield file
    if file.exists() and alive(int(file.read_text())):
        os.kill(int(file.read_text()), signal.SIGKILL)


def test_a_good_run_gives_both_streams_apart() -> None:
    """Standard output, standard error, exit code and time come back as they were."""
    result = run(python("import sys; print('out'); print('err', file=sys.stderr)"))

    assert (result.out, result.err, result.code) == (b"out\n", b"err\n", 0)
    assert 0 < result.seconds < 10


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    """Text of a program that prints anything can always be read."""
    result = run(
        python("import sys; sys.stdout.buffer.write(b'a\\xff'); sys.stderr.buffer.write(b'\\xfe')")
    )

    assert (result.text, result.errors) == ("a\ufffd", "\ufffd")


def test_arguments_reach_the_program_unread_by_any_shell() -> None:
    """Metacharacters of shells are only characters."""
    hostile = ["$(id)", "`id`", "; id", "a b", "*", "~", "", "--output=x", "\n"]

    result = run(python("import sys; print(sys.argv[1:])", *hostile))

    assert f"{hostile}\n" == result.text


def test_standard_input_is_fed() -> None:
    """Bytes given as stdin arrive in the child."""
    result = run(python("import sys; print(len(sys.stdin.buffer.read()))", stdin=b"x" * 1_000_000))

    assert result.text == "1000000\n"


def test_without_standard_input_there_is_the_null_device() -> None:
    """A program that asks gets an end of file, not our terminal."""
    assert run(Command(("cat",))).out == b""


def test_a_child_that_reads_nothing_is_no_failure() -> None:
    """A program may end without reading what it was given."""
    assert run(Command(("true",), stdin=b"x" * 1_000_000)).code == 0


def test_much_output_on_both_streams_does_not_block() -> None:
    """Both pipes are emptied at the same time."""
    code = "import sys; sys.stderr.write('e' * 2_000_000); sys.stdout.write('o' * 2_000_000)"

    result = run(python(code, timeout=20))

    assert (len(result.out), len(result.err)) == (2_000_000, 2_000_000)


ENDLESS = "import sys; stream = getattr(sys, sys.argv[1])\nwhile True: stream.write('x' * 65536)"


def _in_background(command: Command) -> Result:
    with run_in_background(command) as future:
        return future.result(50)


@pytest.mark.parametrize(
    ("stream", "how"),
    [
        ("stdout", run),
        ("stderr", lambda command: run_polling(command, 0.05, lambda: None)),
        ("stdout", _in_background),
    ],
)
def test_a_program_that_prints_without_end_is_ended_and_named(
    stream: str, how: Callable[[Command], Result]
) -> None:
    """Long before its time is over, and before the memory is full."""
    before = set(process._children)
    with pytest.raises(CommandFailed, match="printed more than 1 MB, and was ended"):
        how(python(ENDLESS, stream, timeout=60, most=1_000_000))

    assert set(process._children) == before


def test_of_what_a_streamed_program_says_on_its_error_stream_the_end_is_kept() -> None:
    """However much it is."""
    code = "import sys; sys.stderr.write('x' * 1_000_000 + '\\nthe reason\\n'); sys.exit(3)"

    with (
        pytest.raises(CommandFailed, match="ended with 3") as caught,
        stream_stdout(python(code)) as stream,
    ):
        stream.read()

    assert caught.value.message.endswith("| the reason")


def test_a_failure_names_program_code_and_the_end_of_its_output() -> None:
    """A bad exit code becomes `CommandFailed`, with what the program said last."""
    with pytest.raises(CommandFailed) as caught:
        run(python("import sys; print('the reason', file=sys.stderr); sys.exit(7)"))

    assert f"`{Path(PYTHON).name}` ended with 7\n  | the reason" == caught.value.message
    assert (caught.value.code, caught.value.exit_code) == (3, 7)


def test_an_exit_code_that_is_named_is_no_failure() -> None:
    """`success` says which codes are fine."""
    assert run(python("raise SystemExit(7)", success=frozenset({0, 7}))).code == 7


def test_zero_can_be_a_failure() -> None:
    """Only the named codes are fine, even when 0 is not among them."""
    with pytest.raises(CommandFailed):
        run(Command(("true",), success=frozenset({1})))


def test_attempt_does_not_judge() -> None:
    """`attempt` leaves the exit code to the caller."""
    assert attempt(python("raise SystemExit(9)")).code == 9


def test_a_program_that_a_signal_ended_has_a_negative_code() -> None:
    """Death by a signal can be told from an exit code."""
    result = attempt(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))

    assert result.code == -signal.SIGKILL


def test_a_missing_program_is_a_failed_command(tmp_path: Path) -> None:
    """A program that is not there ends with code 3 and its name."""
    with pytest.raises(CommandFailed, match="no-such-program") as caught:
        run(Command(("no-such-program-here",)))

    assert (caught.value.code, caught.value.exit_code) == (3, None)


def test_a_missing_folder_is_a_failed_command(tmp_path: Path) -> None:
    """A folder that is not there is no traceback."""
    with pytest.raises(CommandFailed):
        run(Command(("true",), cwd=tmp_path / "gone"))


def test_a_file_that_no_kernel_can_run_is_a_failed_command(tmp_path: Path) -> None:
    """A binary for another machine (`Exec format error`) is no traceback."""
    program = tmp_path / "supabase"
    program.write_bytes(b"\x00\x01 not for this machine")
    program.chmod(0o755)

    with pytest.raises(CommandFailed):
        run(Command((str(program),)))


def test_the_environment_is_an_allow_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child sees no variable of ours but the clean base and what it is given."""
    monkeypatch.setenv("SUPABASE_ACCESS_TOKEN", "not for children")
    monkeypatch.setenv("PRODUCTION_DATABASE_PASSWORD", "nor this")
    monkeypatch.setenv("PYTHONPATH", "nor that")

    result = run(Command(("env", "-0"), env={"GIVEN": "with = and \n"}))
    seen = dict(line.split("=", 1) for line in result.text.rstrip("\0").split("\0"))

    assert seen["GIVEN"] == "with = and \n"
    assert os.environ["PATH"] == seen["PATH"]
    assert set() == set(seen) - {*BASE, *CERTIFICATES, "GIVEN"}


def test_what_is_given_wins_over_the_base() -> None:
    """The command's own variables lie on top."""
    assert run(Command(("printenv", "HOME"), env={"HOME": "mine"})).text == "mine\n"


def test_a_program_may_wait_for_its_input() -> None:
    """It was started before; the time-out counts from the input on."""
    code = "import sys; print('ready', flush=True); print(sys.stdin.read())"
    waiting = Waiting(python(code))
    lived = waiting.lives

    result = waiting.finish(python(code, stdin=b"late"))

    assert (lived, waiting.lives) == (True, False)
    assert (result.code, result.text.split()) == (0, ["ready", "late"])


def test_a_program_that_gets_no_input_is_ended(grandchild: Path) -> None:
    """With whatever it has started."""
    waiting = Waiting(python(FAMILY, str(grandchild)))
    assert wait_until(lambda: grandchild.exists() and grandchild.read_text(), 10)

    waiting.end()

    assert not waiting.lives
    assert wait_until(lambda: not alive(pid_in(grandchild)), 2)


def test_a_program_that_waited_and_takes_too_long_is_ended() -> None:
    """As any other."""
    waiting = Waiting(python("import time; time.sleep(60)"))

    with pytest.raises(CommandTimedOut):
        waiting.finish(python("", stdin=b"", timeout=0.2))

    assert not waiting.lives


def test_each_child_leads_a_group_of_its_own() -> None:
    """A Ctrl-C in the terminal reaches us, not our children."""
    result = run(python("import os; print(os.getpid(), os.getpgrp(), os.getsid(0))"))
    pid, group, session = result.text.split()

    assert pid == group == session


def test_a_time_out_ends_the_whole_group(grandchild: Path) -> None:
    """Grandchildren that ignore SIGTERM end as well, and soon."""
    started = time.monotonic()

    with pytest.raises(CommandTimedOut, match="longer than 1 s") as caught:
        run(python(FAMILY, str(grandchild), timeout=1.0))

    assert caught.value.code == 4
    assert wait_until(lambda: not alive(pid_in(grandchild)), 2)
    assert time.monotonic() - started < 6


def test_a_grandchild_that_outlives_its_parent_ends_at_the_time_out(grandchild: Path) -> None:
    """A child that leaves at once does not save what it left behind."""
    code = FAMILY.replace("time.sleep(60)\n", "time.sleep(0)\n")

    with pytest.raises(CommandTimedOut):
        run(python(code, str(grandchild), timeout=1.0))

    assert wait_until(lambda: not alive(pid_in(grandchild)), 2)


class Stopped(Exception):
    """What a signal handler raises."""


def test_an_interruption_ends_the_whole_group(grandchild: Path) -> None:
    """A signal that unwinds the waiting task leaves no process behind."""

    def interrupt(*_: object) -> None:
        raise Stopped

    def press() -> None:
        pid_in(grandchild)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        threading.Thread(target=press).start()
        with pytest.raises(Stopped):
            run(python(FAMILY, str(grandchild)))
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert wait_until(lambda: not alive(pid_in(grandchild)), 2)


def children() -> set[int]:
    """Our own children that live."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in listed if alive(int(pid))}


# a `with` that is cut off as it begins is left to the collector
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_interruption_at_the_start_leaves_no_process() -> None:
    """Wherever the signal arrives, also while the child is being started, no child goes on by itself."""
    others = children()
    before = [signal.getsignal(each) for each in signals.HANDLED]
    try:
        for number in range(20):
            signals.listen()  # anew: a second signal of one run interrupts nothing more
            press = threading.Timer(0.002 + number / 6_000, os.kill, (os.getpid(), signal.SIGHUP))
            with pytest.raises(signals.Stop):  # noqa: PT012 - the signal may come at once
                press.start()
                run(Command(("sleep", "30")))
            press.join()
    finally:
        for each, handler in zip(signals.HANDLED, before, strict=True):
            signal.signal(each, handler)
    end_all()  # as the desk's own end does
    gc.collect()
    left = children() - others
    for pid in left:
        os.kill(pid, signal.SIGKILL)

    assert set() == left


def test_end_all_ends_what_other_threads_wait_for(
    grandchild: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call ends the children of every thread, groups and all."""
    # a busy machine may take more than a second to let the child die of SIGTERM
    monkeypatch.setattr(process, "GRACE", 20.0)
    ended: list[Result] = []
    waiting = threading.Thread(target=lambda: ended.append(attempt(python(FAMILY, str(grandchild)))))
    waiting.start()
    pid = pid_in(grandchild)

    end_all()
    waiting.join(5)

    assert [result.code for result in ended] == [-signal.SIGTERM]
    assert wait_until(lambda: not alive(pid), 2)


def test_end_all_is_harmless_when_nothing_runs() -> None:
    """It may be called at any time, and then does not wait."""
    started = time.monotonic()

    end_all()

    assert time.monotonic() - started < 0.5


def test_secrets_in_a_failing_commands_output_are_masked() -> None:
    """What a program repeats of a secret never reaches the message."""
    remember("hunter2-hunter2")

    with pytest.raises(CommandFailed) as caught:
        run(python("import sys; sys.exit('bad password: hunter2-hunter2')"))

    assert f"bad password: {MASK}" in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_a_secret_of_many_lines_is_masked_before_the_tail_is_cut() -> None:
    """A private key of which only the end would be shown does not show its end."""
    key = "\n".join(f"key-line-{number:02}" for number in range(30))
    remember(key)

    shown = error_tail(Result(1, b"", f"no good: {key}\n".encode(), 0.1))

    assert "key-line" not in shown


def test_quoted_output_is_short_and_can_not_pass_for_ours() -> None:
    """Each of the last twelve lines is set off, so that none starts a workflow command."""
    said = "\n".join(["first", *(f"::error::{number}" for number in range(12))])

    shown = error_tail(Result(1, b"unread", said.encode(), 0.1))

    assert "".join(f"\n  | ::error::{number}" for number in range(12)) == shown


def test_standard_output_is_quoted_when_standard_error_is_empty() -> None:
    """A program that complains on standard output is heard too."""
    assert error_tail(Result(1, b"so it goes\n", b" \n", 0.1)) == "\n  | so it goes"


def test_lines_arrive_as_they_are_printed() -> None:
    """Both streams of a followed program are passed on."""
    seen: list[str] = []
    code = stream_lines(
        python("import sys; print('one', flush=True); print('two', file=sys.stderr); sys.exit(3)"),
        seen.append,
    )

    assert code == 3
    assert "\n".join(seen).split("\n") == ["one", "two"]


def test_streamed_lines_are_redacted_and_sanitized() -> None:
    """A secret in two writes, a colour, an overwritten line and a command of GitHub's runner."""
    remember("opensesame")
    text = (
        "import sys, time; w = lambda t: (sys.stdout.write(t), sys.stdout.flush(), time.sleep(0.1));"
        "w('is open'); w('sesame\\n:'); w(':error::x\\n'); w('a ##[add-mask]e\\x1b[31m\\rb')"
    )
    seen: list[str] = []
    stream_lines(python(text), seen.append)

    assert "\n".join(seen).split("\n") == ["is ***", "| ::error::x", "a # #[add-mask]e", "b"]


def test_a_streamed_program_ends_at_the_timeout(grandchild: Path) -> None:
    """The whole group ends, as of any other run."""
    with pytest.raises(CommandTimedOut):
        stream_lines(python(FAMILY, str(grandchild), timeout=1.0), print)

    assert wait_until(lambda: not alive(pid_in(grandchild)), 2)


def test_streaming_a_missing_program_is_a_failed_command() -> None:
    """It is code 3, no traceback."""
    with pytest.raises(CommandFailed):
        stream_lines(Command(("no-such-program-here",)), print)


def test_a_stream_is_read_as_it_comes() -> None:
    """A reader that reads to the end knows that the program ended well."""
    with stream_stdout(python("print('one'); print('two')")) as stream:
        assert stream.readlines() == [b"one\n", b"two\n"]


@pytest.mark.parametrize(
    "end", ["sys.exit(3)", "print('warning: lost', file=sys.stderr)"], ids=["code", "word"]
)
def test_a_stream_with_a_bad_end_fails(end: str) -> None:
    """What was read before may be half of it: an exit code and a warning both count."""
    command = python(f"import sys; print('one'); {end}")

    with pytest.raises(CommandFailed, match="ended with"), stream_stdout(command) as stream:
        stream.read()


def test_leaving_a_stream_early_ends_its_program() -> None:
    """A reader that has enough leaves no child behind."""
    with stream_stdout(python("while True: print('x' * 999)")) as stream:
        stream.readline()

    assert stream.closed


def test_a_stream_that_closed_its_output_and_goes_on_is_ended() -> None:
    """The timeout counts from the end of the output."""
    command = python("import os, time; os.close(1); os.close(2); time.sleep(60)", timeout=0.3)

    with pytest.raises(CommandTimedOut, match="did not end"), stream_stdout(command) as stream:
        assert stream.read() == b""


def test_polling_goes_on_while_the_program_runs() -> None:
    """`poll` is called again and again; the result is the program's."""
    calls: list[float] = []

    result = run_polling(
        python("import time; time.sleep(0.4); print('done')"), 0.05, lambda: calls.append(0)
    )

    assert (result.code, result.text.strip()) == (0, "done")
    assert 2 <= len(calls) <= 20


def test_polling_ends_at_the_timeout(grandchild: Path) -> None:
    """The whole group is ended, as of any other run."""
    command = python(FAMILY, str(grandchild), timeout=1.0)

    with pytest.raises(CommandTimedOut):
        run_polling(command, 0.1, lambda: None)

    assert wait_until(lambda: not alive(pid_in(grandchild)), 2)


def test_what_poll_raises_ends_the_program(grandchild: Path) -> None:
    """A lost lock ends a migration that runs."""

    def lost() -> None:
        if grandchild.exists() and grandchild.read_text():
            raise LookupError

    with pytest.raises(LookupError):
        run_polling(python(FAMILY, str(grandchild)), 0.05, lost)

    assert wait_until(lambda: not alive(pid_in(grandchild)))


def test_a_program_in_the_background_gives_its_result() -> None:
    """The caller goes on meanwhile, and any exit code is a result."""
    with run_in_background(python("print('x'); raise SystemExit(3)")) as future:
        result = future.result(20)

    assert (result.code, result.text) == (3, "x\n")


def test_a_program_in_the_background_ends_with_the_block() -> None:
    """A caller that has enough leaves no child behind."""
    started = time.monotonic()

    with run_in_background(python("import time; time.sleep(60)")) as future:
        assert not future.done()

    assert future.result(5).code < 0
    assert time.monotonic() - started < 20


def test_a_program_in_the_background_times_out() -> None:
    """The future raises what `run` would."""
    command = python("import time; time.sleep(60)", timeout=0.3)

    with run_in_background(command) as future, pytest.raises(CommandTimedOut):
        future.result(20)
