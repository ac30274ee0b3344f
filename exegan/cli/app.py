"""The command line as a whole: its commands, and how they end."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from exegan._version import __version__
from exegan.cli.batch import batch
from exegan.cli.dataset import evaluate, mask_set, prepare
from exegan.cli.inpaint import inpaint
from exegan.cli.models import export, import_, onnx, style, train
from exegan.cli.photos import faces, mask, verify
from exegan.cli.web import demo
from exegan.errors import ExeGanError, Interrupted

INTERRUPTED = 130

app = typer.Typer(
    name="exegan",
    help="Complete the hole in a face photo so that it takes its looks from an exemplar face.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


app.command()(inpaint)
app.command()(batch)
app.command()(demo)
app.command()(faces)
app.command()(mask)
app.command()(style)
app.command()(verify)
app.command()(prepare)
# Lightning's parser reads the arguments, `--help` among them.
app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(train)
app.command()(export)
app.command(name="import")(import_)
app.command()(onnx)
app.command()(evaluate)
app.command(name="mask-set")(mask_set)

# Typer brings click along, as a package or inside itself depending on its version; this is ClickException of either.
_CommandLineError: type[Exception] = typer.BadParameter.__mro__[2]


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 bad input (one sentence on stderr), 130 interrupted.

    Args:
        args: Arguments after the program's name; None takes those of the process, none at all shows the help.
    """
    args = sys.argv[1:] if args is None else args
    try:
        code: Any = app(args or ["--help"], prog_name="exegan", standalone_mode=False)
        if code == INTERRUPTED:  # Typer's answer to Ctrl-C
            raise KeyboardInterrupt
    except Interrupted as error:
        code = _fail(str(error), INTERRUPTED)
    except ExeGanError as error:
        code = _fail(str(error), 2)
    except _CommandLineError as error:
        context = getattr(error, "ctx", None)
        command = "exegan" if context is None else context.command_path
        code = _fail(f"{error.format_message().rstrip('.')}; see '{command} --help'", 2)  # type: ignore[attr-defined]
    except (KeyboardInterrupt, typer.Abort):
        code = _fail("interrupted; nothing was written", INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    typer.echo(f"exegan: {' '.join(message.split())}", err=True)
    return code
