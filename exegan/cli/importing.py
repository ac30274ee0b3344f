"""`exegan import`: the original's checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


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
