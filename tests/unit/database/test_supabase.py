"""The Supabase CLI's command lines, by exact text, and what its answers mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.database.postgres.url import Database
from scripts.database.supabase import BRIEF, Cli, asking_versions, cli_with_migrations, difference, versions
from scripts.errors import CommandFailed
from scripts.system.secret import Secret
from tests.support.processes import alive, wait_until

DATABASE = Database("db.example.org", 5432, "postgres", "ada", Secret("pw-of-db"), "require", "/ca.pem")
CLI = Cli(Path("/cli/supabase"), Path("/work"))


def test_the_list_is_asked_for_as_json() -> None:
    """The exact command line of `migration list`."""
    assert (
        "/cli/supabase", "migration", "list", "--remote=postgresql://ada@db.example.org:5432/postgres",
        "--workdir=/work", "--output-format=json",
    ) == CLI.migration_list(DATABASE).argv  # fmt: skip


def test_the_push_never_asks_and_has_its_limits() -> None:
    """The exact command line of `db push`, its time limit, and the limit for locks."""
    command = CLI.db_push(DATABASE, 900, 5.5)

    assert (
        "/cli/supabase", "db", "push", "--yes", "--remote=postgresql://ada@db.example.org:5432/postgres",
        "--workdir=/work", "--output-format=json",
    ) == command.argv  # fmt: skip
    assert (900, "-c lock_timeout=5500") == (command.timeout, command.env["PGOPTIONS"])


def test_the_password_travels_in_the_environment() -> None:
    """`ps` shows no password, and neither does the command's own text."""
    command = CLI.db_push(DATABASE, 1, 1)

    assert ("pw-of-db", "require", "/ca.pem") == tuple(
        command.env[name] for name in ("PGPASSWORD", "PGSSLMODE", "PGSSLROOTCERT")
    )
    assert "pw-of-db" not in f"{command} {command!r}"


@pytest.mark.parametrize("word", ["down", "reset", "repair", "squash", "link", "--linked", "--include-all"])
def test_forbidden_commands_are_never_built(word: str) -> None:
    """No command line of the desk can undo or rewrite a remote history."""
    built = (CLI.migration_list(DATABASE), CLI.db_push(DATABASE, 1, 1))

    assert [] == [command for command in built if word in command.argv]


def test_the_folder_holds_just_the_migrations() -> None:
    """The very bytes of the commit lie where the CLI looks, and nothing is left afterwards."""
    text = b"select '\xff\xc3\xa9\r\n'"
    with cli_with_migrations(
        Path("/cli"), {"1_a.sql": text.decode("utf-8", "surrogateescape"), "2_b.sql": ""}
    ) as cli:
        folder = cli.workdir / "supabase" / "migrations"

        assert {"1_a.sql": text, "2_b.sql": b""} == {
            file.name: file.read_bytes() for file in folder.iterdir()
        }
        assert not (cli.workdir / "supabase" / "config.toml").exists()

    assert not cli.workdir.exists()


def answering(tmp_path: Path, document: str) -> Cli:
    """A CLI that prints this document, whatever it is asked."""
    binary = tmp_path / "supabase"
    binary.write_text(f"#!/bin/sh\ncat <<'END'\n{document}\nEND\n")
    binary.chmod(0o755)
    (tmp_path / "home").mkdir(exist_ok=True)
    return Cli(binary, tmp_path)


ROWS = '[{"local": "1", "remote": "1"}, {"local": "2", "remote": ""}, {"local": null, "remote": "3"}]'


@pytest.mark.parametrize("form", ["%s", '{"migrations": %s}', '{"data": %s}'])
def test_versions_are_local_and_remote(tmp_path: Path, form: str) -> None:
    assert versions(answering(tmp_path, form % ROWS), DATABASE) == ({"1", "2"}, {"1", "3"})


def noting(tmp_path: Path, ending: str) -> Cli:
    """A CLI that writes a line for each of its starts, and then does that."""
    cli = answering(tmp_path, "")
    cli.binary.write_text(f"#!/bin/sh\necho started >>{tmp_path}/starts\n{ending}\n")
    return cli


def starts(tmp_path: Path) -> int:
    return len((tmp_path / "starts").read_text().splitlines())


def test_versions_are_asked_for_before_anybody_waits_for_them(tmp_path: Path) -> None:
    """And only once."""
    cli = noting(tmp_path, f"echo '{ROWS}'")
    with asking_versions(cli, DATABASE) as answered:
        wait_until((tmp_path / "starts").exists)
        asked = starts(tmp_path)
        found = answered()

    assert asked == 1
    assert found[:2] == ({"1", "2"}, {"1", "3"})
    assert starts(tmp_path) == 1


def test_a_list_that_failed_is_asked_for_again(tmp_path: Path) -> None:
    """The database may be back by the time that the answer is needed."""
    cli = noting(tmp_path, f"test -e {tmp_path}/back && echo '{ROWS}'")
    with asking_versions(cli, DATABASE) as answered:
        with pytest.raises(CommandFailed):
            answered()
        (tmp_path / "back").touch()

        assert answered()[:2] == ({"1", "2"}, {"1", "3"})


def test_a_push_is_brief_only_after_a_list_was(tmp_path: Path) -> None:
    """A CLI that does not know the option ends at once; then it is asked, and pushes, without."""
    ((option, value),) = BRIEF.items()
    for knows in (True, False):
        cli = noting(tmp_path, f"test {knows} = True || test -z \"${option}\" || exit 1; echo '{ROWS}'")
        with asking_versions(cli, DATABASE) as answered:
            seen = answered()

        assert seen[:2] == ({"1", "2"}, {"1", "3"})
        assert seen.cli.db_push(DATABASE, 1, 1).env.get(option) == (value if knows else None)


def test_a_list_that_nobody_waits_for_any_more_is_ended(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    cli = noting(tmp_path, f"echo $$ >{said}.new; mv {said}.new {said}; exec sleep 60")
    with asking_versions(cli, DATABASE):
        wait_until(said.exists)

    assert not alive(int(said.read_text()))


def test_a_list_that_is_none_fails(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="gave no list"):
        versions(answering(tmp_path, '{"migrations": 3}'), DATABASE)


def test_a_difference_is_sql(tmp_path: Path) -> None:
    assert difference(answering(tmp_path, '{"diff": " drop table t; "}'), DATABASE, DATABASE) == (
        "drop table t;"
    )


@pytest.mark.parametrize("document", ["[]", "{}", '{"diff": null}'])
def test_a_difference_that_is_none_fails(tmp_path: Path, document: str) -> None:
    with pytest.raises(CommandFailed, match="no difference"):
        difference(answering(tmp_path, document), DATABASE, DATABASE)


def test_passwords_of_two_databases_are_in_a_private_file(tmp_path: Path) -> None:
    """With `:` and a backslash escaped, as libpq reads them; no variable and no argument has one."""
    odd = Database("::1", 5433, "app", "ada", Secret("a:b\\c"), "disable")
    command = answering(tmp_path, "").db_diff(DATABASE, odd, 60)
    passwords = Path(command.env["PGPASSFILE"])

    assert passwords.read_text() == (
        "db.example.org:5432:postgres:ada:pw-of-db\n\\:\\:1:5433:app:ada:a\\:b\\\\c\n"
    )
    assert passwords.stat().st_mode & 0o777 == 0o600
    assert "PGPASSWORD" not in command.env
    assert "pw-of-db" not in f"{command.argv}"
