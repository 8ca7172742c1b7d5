"""The entry: `workbench`.  Every end of the program goes through here, and none shows a traceback."""

from __future__ import annotations

import sys
from typing import Annotated, Final, NoReturn

import typer

from workbench.cli import signals, stderr, stdout
from workbench.cli.commands import TABLE, LazyGroup
from workbench.cli.options import SETTINGS
from workbench.errors import EXIT_CODES, Blame, InputError, Stopped, WorkbenchError

EPILOG: Final = """\b
Begin with:
  workbench bench init --virtual 2
  workbench flash --slot v1 FILE.hex
Every command's --help has examples.

\b
Exit codes: 0 passed, 1 the unit failed, 2 wrong input, 3 the station failed,
4 not trusted, 70 a defect of the workbench, 130 stopped."""

app = typer.Typer(
    cls=LazyGroup,
    name="workbench",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings=SETTINGS,
    epilog=EPILOG,
)


class UsageWrong(InputError):
    """The command line cannot be understood."""

    code = "usage"
    default_cause = "a misspelt command or option, or a value that does not fit"
    default_action = "see the command's --help"


def _version(wanted: bool) -> None:
    if wanted:
        import workbench

        stdout.say(f"workbench {workbench.__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Flash, talk to and power-cycle boards on a bench, real ones and virtual ones.

    A bench is a file, bench.toml, that names the slots in which boards are plugged in.
    """
    if ctx.invoked_subcommand is None:
        stdout.say(ctx.get_help())


def main() -> NoReturn:
    """The console script."""
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = EXIT_CODES[Blame.STOPPED]
    stdout.close_quietly()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Carries out a command line; returns the exit code."""
    json_verb = (arguments[0] if arguments[0] in TABLE else "workbench") if "--json" in arguments else None
    try:
        signals.install()
        ended = typer.main.get_command(app).main(arguments, prog_name="workbench", standalone_mode=False)
        return ended if isinstance(ended, int) else 0
    except typer.TyperException as error:
        return _tell(_usage(error), json_verb)
    except WorkbenchError as error:
        return _tell(error, json_verb)
    except (KeyboardInterrupt, typer.Abort):
        return _tell(Stopped(f"stopped by {signals.reason()}"), json_verb)
    except BrokenPipeError:
        return EXIT_CODES[Blame.STOPPED]
    except Exception as error:
        from workbench.cli.crash import keep_crash

        return _tell(keep_crash(error), json_verb)


def _usage(error: typer.TyperException) -> WorkbenchError:
    """A usage error in the workbench's own form."""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "workbench"
    words = error.format_message().strip().rstrip(".").replace("Value error, ", "") or "something is missing"
    return UsageWrong(words, action=f"see `{path} --help`")


def _tell(error: WorkbenchError, json_verb: str | None) -> int:
    """Shows an error that no run has told; as events of `json_verb` where --json was given."""
    if json_verb is not None:
        from workbench.cli.report import tell_alone

        tell_alone(json_verb, error)
    else:
        stderr.say_error(error)
    return error.exit_code
