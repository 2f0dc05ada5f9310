"""The root of the command line: arguments -> apps -> exit code, and errors in one line with a cure."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from packseal import __version__
from packseal.errors import ConfigError, EvidenceError, MicroPythonError, PackSealError, UnavailableError

EXIT_REFUSED, EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_FAULT = 1, 2, 3, 4

EPILOG = (
    "Exit codes: 0 done; 1 evidence refused; 2 wrong arguments or configuration; 3 something does not answer;"
    " 4 a fault of packseal's own."
)


class _Commands(click.Group):
    """Our errors end in one line on standard error and an exit code, never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PackSealError as error:
            click.echo(f"packseal: {_words(error)}", err=True)
            sys.exit(exit_code(error))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:  # who reads has seen enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(EXIT_REFUSED)
        except Exception as error:
            if os.environ.get("PACKSEAL_TRACEBACK"):
                raise
            click.echo(f"packseal: {fault_words(error)}", err=True)
            sys.exit(EXIT_FAULT)


def fault_words(error: Exception) -> str:
    """Of what nobody thought of."""
    words = f"{type(error).__name__}: {error}; run again with PACKSEAL_TRACEBACK=1 and send us what it says"
    return f"a fault of packseal's own: {words}"


def _words(error: PackSealError) -> str:
    """What came with evidence or from another machine moves no cursor and hides no word."""
    from packseal.records.printable import printable

    is_one_line = isinstance(error, EvidenceError)
    return printable(str(error)) if is_one_line else "\n".join(printable(line) for line in str(error).split("\n"))


def exit_code(error: PackSealError) -> int:
    """What a command that this error ends says to a program."""
    if isinstance(error, EvidenceError):
        return EXIT_REFUSED
    return EXIT_UNAVAILABLE if isinstance(error, UnavailableError | MicroPythonError) else EXIT_USAGE


@click.group(cls=_Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="packseal %(version)s")
def main() -> None:
    """Carries what a battery pack measured to its passport, with proof.

    \b
    packseal demo                          a simulated pack, the real firmware, a page to look at
    packseal verify record.bundle          is this record true to what the board signed?
    packseal disclose record.bundle        show some of its values, and no others
    packseal import drive.log --dbc pack.dbc --bind pack.toml
    packseal replay drive.csv --chemistry nmc --rated-capacity 60
    packseal dbc compile pack.dbc --bind pack.toml -o pack.pst
    packseal gateway run gateway.toml      beside the packs
    packseal passport serve passport.toml  where the passports live
    packseal status gateway.toml           how the gateway is
    packseal bench run                     tests of a board with a pack behind it, and a report
    """
    if hasattr(signal, "SIGUSR1") and sys.__stderr__:  # what stands still says where, at kill -USR1
        faulthandler.register(signal.SIGUSR1, sys.__stderr__)


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
BIND_OPTION = click.option(
    "--bind",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="TOML file: which signal is which quantity; or the name of a shipped one, such as leaf_ze1.",
)


def hex_bytes(option: str, text: str, *lengths: int) -> bytes:
    """Raises ConfigError."""
    try:
        content = bytes.fromhex(text)
    except ValueError:
        content = b""
    if len(content) not in lengths:
        digits = " or ".join(str(2 * length) for length in lengths)
        raise ConfigError(f"{option} {text}: expected {digits} hexadecimal digits")
    return content
