"""`exegan verify`: whether a picture says that it was edited."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def verify(
    image: Annotated[Path, typer.Argument(help="Picture to look at.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Tell whether a picture is marked as completed by exegan: exit code 0 marked, 1 not, 2 unreadable."""
    from exegan.images import open_photo
    from exegan.provenance import read_packet

    found = read_packet(open_photo(image).xmp)
    if as_json:
        typer.echo(json.dumps({"marked": found is not None, **(asdict(found) if found else {})}))
    elif found is None:
        typer.echo(f"{image} is not marked")
    else:
        model = f"model {found.model_sha256[:12]}" if found.model_sha256 else "a model without a file"
        typer.echo(f"{image} was edited by exegan {found.version} ({model}, seed {found.seed})")
    raise typer.Exit(0 if found else 1)
