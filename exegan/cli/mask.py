"""`exegan mask`: a hole over regions of faces, or a random one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exegan.cli.outputs import check_new_output


def mask(
    photo: Annotated[Path, typer.Argument(help="Photo that the mask is for.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Mask to write: white = hole, the photo's size.")],
    region: Annotated[str | None, typer.Option(help="What of a face: eyes, mouth, face, ..., or eyes+mouth.")] = None,
    face: Annotated[
        str, typer.Option(help="Number as 'exegan faces' gives it, 0,2, all, or auto: the largest.")
    ] = "auto",
    grow: Annotated[int, typer.Option(help="Pixels to widen the hole by; negative narrows it.")] = 0,
    invert: Annotated[bool, typer.Option("--invert", help="Hole everywhere else instead.")] = False,
    irregular: Annotated[str | None, typer.Option(help="Random strokes over this share in per cent, as 20-40.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same strokes.")] = 0,
) -> None:
    """Write a mask for a photo: regions of its faces, or random strokes."""
    check_new_output(output, photo)
    from exegan.faces.making import MaskRecipe, write_mask

    share = write_mask(photo, output, MaskRecipe(region, face, grow, invert, irregular, seed))
    typer.echo(f"wrote {output} ({share:.1%} hole)")
