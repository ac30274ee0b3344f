"""`exegan faces`: which faces a photo shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exegan.cli.outputs import check_new_output


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
