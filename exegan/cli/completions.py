"""What `exegan inpaint` writes and says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from exegan.cli.outputs import check_new_output
from exegan.errors import InputError


class Outputs(NamedTuple):
    """Where things go: the completions, and the contact sheets that are wanted."""

    paths: list[Path]
    sheet: Path | None = None
    sweep: Path | None = None


def check_outputs(outputs: Outputs, inputs: Sequence[Path]) -> None:
    """Make sure that all can be written, none is one of the inputs, and none is written twice.

    Raises:
        InputError: Otherwise.
    """
    every = [*outputs.paths, *filter(None, outputs[1:])]
    for number, output in enumerate(every):
        check_new_output(output, *inputs)
        if output.absolute() in [other.absolute() for other in every[:number]]:
            raise InputError(f"the output {output} is asked for twice; give the sheets names of their own")


def tell(reports: Sequence[dict[str, Any]], paths: Sequence[Path], best: int | None, notes: Sequence[str]) -> str:
    """The line about what was written.

    Args:
        reports: Of all completions (`Inpainted.report`).
        paths: Where they went: all, or the best one alone.
        best: Its number, if one was picked.
        notes: What their files could not keep.
    """
    shown = reports[best or 0]
    seconds = sum(value for report in reports for stage, value in report["seconds"].items() if stage not in _SHARED)
    seconds += sum(shown["seconds"].get(stage, 0.0) for stage in _SHARED)
    which = f"seed {shown['seed']}" if len(paths) == 1 else f"seeds {reports[0]['seed']} to {reports[-1]['seed']}"
    if best is not None:
        known = all(face["identity_to_exemplar"] is not None for face in shown["faces"])
        reason = "identity and seam" if known else "the seam alone, for want of a recognition network or exemplar photo"
        which += f", the best of {len(reports)} by {reason}"
    return "; ".join([f"wrote {', '.join(map(str, paths))} ({which}, {seconds:.1f} s)", *shown["notes"], *notes])


# Stages that all samples of a photo have in common.
_SHARED = ("detect", "encode_exemplar")
