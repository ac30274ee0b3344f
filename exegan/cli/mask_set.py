"""`exegan mask-set`: frozen masks for evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mask_set(
    name: Annotated[str, typer.Argument(help="irregular-SIDE, such as irregular-256.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the masks, white = hole.")],
    count: Annotated[int, typer.Option(help="Masks in each bin of irregular holes.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same masks.")] = 0,
) -> None:
    """Generate a frozen set of masks; results name its hash."""
    from exegan.evaluation.mask_set import write_mask_set

    written = write_mask_set(name, output, count, seed)
    hashes = (f"{bin_name} {digest[:16]}" for bin_name, digest in written.sha256.items())
    typer.echo(f"wrote {sum(written.counts.values())} masks to {output} (sha256 of {', '.join(hashes)})")
