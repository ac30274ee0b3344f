"""Commands on photos: `faces`, `mask`, `verify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exegan.cli.options import check_new_output


def faces(
    photo: Annotated[Path, typer.Argument(help="Photo to search, any size.")],
    draw: Annotated[
        Path | None, typer.Option(help="Write the photo here with its faces outlined and numbered.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print boxes, landmarks and scores as JSON.")] = False,
) -> None:
    """List the faces of a photo from left to right, with the numbers that --face takes."""
    if draw is not None:
        check_new_output(draw, photo)
    from exegan.faces.listing import list_faces

    listing = list_faces(photo, draw)
    typer.echo(json.dumps(listing.report()) if as_json else str(listing))


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
    from exegan.faces.listing import MaskRecipe, write_mask

    share = write_mask(photo, output, MaskRecipe(region, face, grow, invert, irregular, seed))
    typer.echo(f"wrote {output} ({share:.1%} hole)")


def verify(
    image: Annotated[Path, typer.Argument(help="Picture to check.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Report whether a picture is marked as completed by exegan: exit code 0 marked, 1 not, 2 unreadable."""
    from exegan.io import open_photo
    from exegan.io.c2pa import find_marks

    marks = find_marks(image, open_photo(image).xmp)
    typer.echo(json.dumps(marks.report()) if as_json else f"{image} {marks}")
    raise typer.Exit(0 if marks.edit else 1)
