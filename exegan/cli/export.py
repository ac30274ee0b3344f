"""`exegan export`: a model folder of a training checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


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
    from exegan.nets.export import export_run

    model = export_run(checkpoint, output, half=half, discriminator=discriminator, overwrite=overwrite)
    config, parameters = model.config, sum(p.numel() for p in model.parameters())
    if as_json:
        report = {"output": str(output), "family": config.family, "resolution": config.generator.resolution}
        typer.echo(json.dumps({**report, "parameters": parameters}))
    else:
        size = f"{config.generator.resolution} px, {parameters / 1e6:.1f} million weights"
        typer.echo(f"wrote {output} ({config.family}, {size})")
