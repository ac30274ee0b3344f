"""The command line as a whole: its commands, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable
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


EXAMPLES = {
    "inpaint": (
        "inpaint photo.jpg --region lower-face --exemplar face.jpg -o completed.jpg",
        "inpaint photo.jpg --mask mask.png --exemplar face.jpg --samples 8 --pick best -o best.png",
    ),
    "batch": (
        "batch photos --masks region:eyes --exemplars face.jpg -o completed",
        "batch photos --masks masks --exemplars exemplars -o completed --dry-run",
    ),
    "demo": ("demo --port 7861", "demo --host 0.0.0.0 --auth passwords.txt --model model"),
    "faces": ("faces photo.jpg", "faces photo.jpg --draw numbered.png"),
    "mask": (
        "mask photo.jpg --region eyes+brows --grow 6 -o mask.png",
        "mask photo.jpg --irregular 20-40 --seed 3 -o strokes.png",
    ),
    "style": ("style face.jpg -o face.safetensors", "style anna-1.jpg anna-2.jpg group.jpg#1 -o anna.safetensors"),
    "verify": ("verify completed.jpg", "verify completed.jpg --json"),
    "prepare": ("prepare photos -o faces256.zip", "prepare photos -o faces512.zip --resolution 512"),
    "train": ("train fit --config tiny64 --data.path faces64.zip", "train fit --config bundled256 --help"),
    "export": (
        "export runs/mine/checkpoints/kimg-000100.000.ckpt -o model",
        "export runs/mine/checkpoints/kimg-000100.000.ckpt -o model --half",
    ),
    "import": (
        "import --generator EXE_GAN_model_256.pt --style-encoder psp_ffhq_encode.pt -o original256",
        "import --generator EXE_GAN_model_256.pt --style-encoder psp_ffhq_encode.pt -o original256 --discriminator",
    ),
    "onnx": ("onnx default -o onnx", "onnx model -o onnx --json"),
    "evaluate": (
        "evaluate default --data faces256.zip --masks masks -o results",
        "evaluate --completed completed --truth photos -o results",
    ),
    "mask-set": ("mask-set irregular-256 -o masks", "mask-set irregular-512 -o masks512"),
}
"""Two calls of each command, at the end of its help."""


def _add(name: str, command: Callable[..., Any], **options: Any) -> None:
    """Register a command, with its examples below its options, a line each."""
    lines = "\n".join(f"  exegan {example}" for example in EXAMPLES[name])
    # Click keeps the lines of a paragraph that begins with a backspace.
    app.command(name=name, epilog=f"\b\nExamples:\n{lines}", **options)(command)


_add("inpaint", inpaint)
_add("batch", batch)
_add("demo", demo)
_add("faces", faces)
_add("mask", mask)
_add("style", style)
_add("verify", verify)
_add("prepare", prepare)
# Lightning's parser reads the arguments, `--help` among them.
_add("train", train, add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
_add("export", export)
_add("import", import_)
_add("onnx", onnx)
_add("evaluate", evaluate)
_add("mask-set", mask_set)

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
