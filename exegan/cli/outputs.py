"""Checks of where a command writes, before it does anything else."""

from __future__ import annotations

from pathlib import Path

from exegan.errors import InputError


def check_new_output(output: Path, *inputs: Path) -> None:
    """Make sure that a picture can be written there and replaces none of the inputs.

    Raises:
        InputError: See `images.check_output`; or the output is one of the inputs.
    """
    from exegan.images import check_output

    check_output(output)
    if any(output.exists() and path.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"the output {output} is one of the inputs; give another name, so that nothing is lost")
