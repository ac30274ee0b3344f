"""The `exegan` command. Each command parses, makes one library call and prints one line or JSON.

Heavy imports live inside the commands, so that `exegan --help` is instant.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from exegan import __version__
from exegan.errors import ExeGanError, InputError

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


@app.command()
def inpaint(
    photo: Annotated[Path, typer.Argument(help="Photo to complete, any size.")],
    mask: Annotated[Path, typer.Option(help="Picture of the photo's size, white = hole.")],
    exemplar: Annotated[Path, typer.Option(help="Photo of the face to take the looks from.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write; the format follows the extension.")],
    model: Annotated[str, typer.Option(help="'default' (bundled), a model folder or an ONNX folder.")] = "default",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same picture.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    compile_networks: Annotated[
        bool, typer.Option("--compile", help="Use torch.compile: slow first picture, faster later ones.")
    ] = False,
    backend: Annotated[str, typer.Option(help="torch, or onnx for a folder that 'exegan onnx' wrote.")] = "torch",
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
) -> None:
    """Complete the face under a mask from an exemplar face."""
    from exegan.images import check_output, read_mask, read_photo, save_photo

    check_output(output)
    if any(output.exists() and path.exists() and output.samefile(path) for path in (photo, mask, exemplar)):
        raise InputError(f"the output {output} is one of the inputs; give another name, so that nothing is lost")
    pictures = read_photo(photo), read_mask(mask), read_photo(exemplar)
    from exegan.inpainter import Inpainter

    inpainter = Inpainter.from_pretrained(
        model, device, backend=backend, precision=precision, compile_networks=compile_networks
    )
    result = inpainter.inpaint(*pictures, seed=seed)
    save_photo(result.image, output)
    if as_json:
        typer.echo(json.dumps({"output": str(output), **result.report()}))
    else:
        typer.echo("; ".join([f"wrote {output} (seed {seed}, {sum(result.seconds.values()):.1f} s)", *result.notes()]))


@app.command(name="import")
def import_(
    generator: Annotated[Path, typer.Option(help="The original's EXE_GAN_model_256.pt or _512.pt.")],
    style_encoder: Annotated[Path, typer.Option(help="The original's psp_ffhq_encode.pt.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model folder to write.")],
    discriminator: Annotated[
        bool, typer.Option("--discriminator", help="Keep the discriminator too, to go on training from it.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
) -> None:
    """Make a model folder of the original EXE-GAN's published checkpoints, without executing anything in them."""
    from exegan.nets.importing import import_original

    model = import_original(generator, style_encoder, output, discriminator=discriminator, overwrite=overwrite)
    resolution, parameters = model.config.generator.resolution, sum(p.numel() for p in model.parameters())
    if as_json:
        typer.echo(json.dumps({"output": str(output), "resolution": resolution, "parameters": parameters}))
    else:
        typer.echo(f"wrote {output} (paper, {resolution} px, {parameters / 1e6:.1f} million weights)")


@app.command()
def onnx(
    model: Annotated[str, typer.Argument(help="'default' (bundled) or a model folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; new, empty or an ONNX folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
) -> None:
    """Write a model's networks for ONNX Runtime, checked against PyTorch."""
    from exegan.nets.onnx_export import export_onnx

    report = export_onnx(model, output)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        typer.echo(f"wrote {output} (largest difference to PyTorch {max(report['difference'].values()):.1e})")


@app.command()
def prepare(
    raw_dir: Annotated[Path, typer.Argument(help="Folder of photos, searched with all below it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the set goes: NAME.zip, or else a folder.")],
    resolution: Annotated[int, typer.Option(help="Side of the faces in pixels.")] = 256,
    workers: Annotated[int | None, typer.Option(help="Processes; 0 = this one alone [one for each CPU].")] = None,
    min_face: Annotated[
        int | None, typer.Option(help="Smallest side of a face's crop in its photo, in pixels [resolution / 2].")
    ] = None,
    all_faces: Annotated[bool, typer.Option("--all-faces", help="Every face of a photo, not the largest one.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a set that prepare made.")] = False,
) -> None:
    """Make a training set of raw photos: find, align and crop the faces; the same command goes on after a stop."""
    from exegan.data.crops import CropOptions
    from exegan.data.prepare import prepare as prepare_set

    options = CropOptions(resolution, min_face, all_faces)
    try:
        typer.echo(str(prepare_set(raw_dir, output, options, workers=workers, overwrite=overwrite)))
    except KeyboardInterrupt as stop:  # which Typer would end without its sentence
        raise typer.Exit(_fail(str(stop), 130)) from stop


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
    except ExeGanError as error:
        code = _fail(str(error), 2)
    except _CommandLineError as error:
        code = _fail(f"{error.format_message().rstrip('.')}; see 'exegan --help'", 2)  # type: ignore[attr-defined]
    except (KeyboardInterrupt, typer.Abort):
        code = _fail("interrupted; nothing was written", 130)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    typer.echo(f"exegan: {' '.join(message.split())}", err=True)
    return code
