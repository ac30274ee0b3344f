"""Engines by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from exegan.batch.local import Slots, run_here
from exegan.batch.manifest import Entry
from exegan.batch.settings import Settings
from exegan.batch.work import Worker
from exegan.errors import ConfigError, InputError
from exegan.nets.checkpoint import find_model
from exegan.weights import sha256_of

Running = Callable[[Sequence[Slots], Callable[[], bool]], Iterator[list[Entry]]]


def start_engine(
    name: str, settings: Settings, output: str, workers: int, address: str | None
) -> tuple[Running, dict[str, Any]]:
    """An engine, ready to run batches, and what entries made with it note as options.

    Raises:
        InputError: The engine is unknown.
        ConfigError: Its package is not installed, or a key would have to leave this machine.
    """
    options = {**settings.facts(), "model_sha256": model_sha256(settings.model)}
    if name == "threads":
        return lambda batches, stopping: run_here(
            partial(Worker, settings, options, output), batches, workers, stopping
        ), options
    if name == "ray":
        from exegan.batch.cluster import run_on_ray

        if settings.signer is not None:
            raise ConfigError("the key that signs stays on this machine, and ray works on others; use --engine threads")
        return lambda batches, stopping: run_on_ray(
            partial(Worker, settings, options, output), batches, workers, settings.device, address, stopping
        ), options
    raise InputError(f"the engine {name!r} is unknown; use threads or ray")


def model_sha256(name_or_folder: str) -> str:
    """Hash of a model's weights, which tells its pictures from another's."""
    folder = find_model(name_or_folder)
    return sha256_of(folder / "model.safetensors")
