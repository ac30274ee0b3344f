"""Commands on models and styles: `train`, `export`, `import`, `onnx`, `style`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exegan.cli.options import missing_extra
from exegan.errors import InputError
from exegan.faces.exemplars import parse_exemplars


def train(context: typer.Context) -> None:
    """Train a model: 'exegan train fit --config tiny64 --data.path FACES'; 'exegan train fit --help' lists settings."""
    try:
        from exegan.training.cli import main
    except ModuleNotFoundError as error:
        raise missing_extra(error, "train") from error
    raise typer.Exit(main(context.args, "exegan train"))


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A .ckpt from RUN/checkpoints.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model folder to write.")],
    half: Annotated[bool, typer.Option("--half", help="Store weights as float16, half the size.")] = False,
    discriminator: Annotated[
        bool, typer.Option("--discriminator", help="Keep it too, so that training can go on from the folder.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
) -> None:
    """Make a model folder of a training run's checkpoint (its averaged weights)."""
    from exegan.training.export import export_run

    model = export_run(checkpoint, output, half=half, discriminator=discriminator, overwrite=overwrite)
    config, parameters = model.config, sum(p.numel() for p in model.parameters())
    if as_json:
        report = {"output": str(output), "family": config.family, "resolution": config.generator.resolution}
        typer.echo(json.dumps({**report, "parameters": parameters}))
    else:
        size = f"{config.generator.resolution} px, {parameters / 1e6:.1f} million weights"
        typer.echo(f"wrote {output} ({config.family}, {size})")


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
    from exegan.nets.original import import_original

    model = import_original(generator, style_encoder, output, discriminator=discriminator, overwrite=overwrite)
    resolution, parameters = model.config.generator.resolution, sum(p.numel() for p in model.parameters())
    if as_json:
        typer.echo(json.dumps({"output": str(output), "resolution": resolution, "parameters": parameters}))
    else:
        typer.echo(f"wrote {output} (paper, {resolution} px, {parameters / 1e6:.1f} million weights)")


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


def style(
    face: Annotated[list[str], typer.Argument(help="Photos of one person; PHOTO#1 means face 1 in it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write, NAME.safetensors.")],
    aligned: Annotated[bool, typer.Option("--aligned", help="The photos are aligned square faces.")] = False,
    model: Annotated[str, typer.Option(help="'default' (bundled), a model folder or an ONNX folder.")] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    backend: Annotated[str, typer.Option(help="torch, or onnx for a folder that 'exegan onnx' wrote.")] = "torch",
    as_json: Annotated[bool, typer.Option("--json", help="Print a report as JSON.")] = False,
) -> None:
    """Encode a face, or several photos of it, once: 'exegan inpaint --exemplar' takes the file in place of a photo."""
    from exegan.inpainter import Inpainter, check_style_output, save_style
    from exegan.inpainter.style import read_exemplar

    check_style_output(output)
    words = parse_exemplars(face)
    if any(word.key is not None for word in words):
        raise InputError("a style is made for no face or region in particular; leave out what stands before '='")
    exemplars = [read_exemplar(Path(word.path), word.face) for word in words]
    encoded = Inpainter.from_pretrained(model, device, backend=backend).make_style(exemplars, aligned=aligned)
    save_style(encoded, output)
    if as_json:
        typer.echo(json.dumps({"output": str(output), **encoded.report()}))
    else:
        typer.echo(
            "; ".join(
                [f"wrote {output} (style of {len(words)} {'photo' if len(words) == 1 else 'photos'})", *encoded.remarks]
            )
        )
