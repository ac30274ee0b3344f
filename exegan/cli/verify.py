"""`exegan verify`: whether a picture says that it was edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def verify(
    image: Annotated[Path, typer.Argument(help="Picture to look at.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Tell whether a picture is marked as completed by exegan: exit code 0 marked, 1 not, 2 unreadable."""
    from exegan.images import open_photo
    from exegan.provenance import find_marks

    marks = find_marks(image, open_photo(image).xmp)
    typer.echo(json.dumps(marks.report()) if as_json else f"{image} {marks}")
    raise typer.Exit(0 if marks.edit else 1)
