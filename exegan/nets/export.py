"""A model folder of a training run's checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exegan.config import ModelConfig, from_dict
from exegan.errors import ConfigError, WeightsError
from exegan.nets.checkpoint import expect_place_for_model, save_model
from exegan.nets.model import Model
from exegan.weights import is_plain_tensor, load_into, read_checkpoint, read_safetensors, sha256_of_state


def export_run(
    checkpoint: str | Path,
    folder: str | Path,
    *,
    half: bool = False,
    discriminator: bool = False,
    overwrite: bool = False,
) -> Model:
    """Write the averaged generator and style encoder of a training checkpoint as a model folder.

    Args:
        checkpoint: A `.ckpt` of a run.
        folder: Model folder to write.
        half: Store weights as float16, half the size.
        discriminator: Keep both too, that of pictures and that on frozen features where there is one, so that another
            run can start from the folder (`model.warm_start`).
        overwrite: Replace a model that is there.

    Returns:
        The networks written.

    Raises:
        WeightsError: The checkpoint is unreadable or none of a training run.
        InputError: The folder holds other things, or a model and not `overwrite`.
    """
    expect_place_for_model(Path(folder), overwrite)
    content = read_run(checkpoint)
    try:
        options, state = content["hyper_parameters"], content["state_dict"]
        config = from_dict(ModelConfig, options["model"], where="model")
        facts = training_facts(int(state["images_seen"]), options["losses"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, ConfigError) as error:
        raise WeightsError(
            f"{checkpoint} is no checkpoint of a training run ({error}); give a .ckpt from RUN/checkpoints, "
            "or use 'exegan import' for the original's files"
        ) from error
    model = Model(config)
    load_into(model, _under(state, "model_ema."), str(checkpoint))
    model.eval().update_mean_w()
    judges = _under(state, "discriminator.") | {key: state[key] for key in state if key.startswith("projected.")}
    if discriminator and not all(map(is_plain_tensor, judges.values())):
        raise WeightsError(f"the discriminator in {checkpoint} is damaged; give another checkpoint, or leave it out")
    save_model(model, folder, facts, half, judges if discriminator else None)
    return model


def frozen_file(sha256: str) -> str:
    """Name of the file beside a run's checkpoints with what they share and leave out: the frozen parts of the model."""
    return f"frozen-{sha256[:16]}.safetensors"


def read_run(checkpoint: str | Path) -> dict[str, Any]:
    """Content of a run's checkpoint, as `read_checkpoint` gives it, with the frozen parts of the model in their places.

    Raises:
        WeightsError: The checkpoint or the file with its frozen parts is missing or damaged.
    """
    content = read_checkpoint(checkpoint)
    sha256, state = content.get("frozen_sha256"), content.get("state_dict")
    if not isinstance(sha256, str) or not isinstance(state, dict):
        return content
    file = Path(checkpoint).expanduser().parent / Path(frozen_file(sha256)).name
    if not file.is_file():
        raise WeightsError(
            f"{checkpoint} needs {file.name} beside it, the frozen networks of its run; copy it there, too"
        )
    frozen = read_safetensors(file)
    if sha256_of_state(frozen) != sha256:
        raise WeightsError(f"{file} is not what {checkpoint} was saved with (sha256 differs); copy it again")
    restored = {f"{place}.{key}": value for place in ("model", "model_ema") for key, value in frozen.items()}
    return {**content, "state_dict": {**state, **restored}}


def _under(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def training_facts(images: int, losses: Mapping[str, Any]) -> dict[str, Any]:
    """What a model folder tells about its training.

    Args:
        images: Images seen.
        losses: The `LossConfig` as plain values.
    """
    told = dict(losses)
    for net in ("perceptual_net", "identity_net", "projected_net"):
        if told.get(net) is not None:
            # A weight file without its folder, which means nothing elsewhere.
            weights = told[net]["weights"]
            told[net] = {**told[net], "weights": weights and Path(weights).name}
    return {"kimg": images / 1000, "losses": told}
