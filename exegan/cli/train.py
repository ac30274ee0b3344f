"""`exegan train`: the training command line of `train.py`."""

from __future__ import annotations

import typer


def train(context: typer.Context) -> None:
    """Train a model: 'exegan train fit --config tiny64 --data.path FACES'; 'exegan train fit --help' lists settings."""
    from exegan.training.cli import main

    raise typer.Exit(main(context.args, "exegan train"))
