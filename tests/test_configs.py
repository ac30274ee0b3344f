"""Every shipped configuration is complete, known to the code and buildable."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from exegan.config import (
    DiscriminatorConfig,
    LossConfig,
    MaskConfig,
    ModelConfig,
    OptimizerConfig,
    ProjectedConfig,
    RunConfig,
    from_dict,
)
from exegan.nets.discriminator import Discriminator
from exegan.nets.model import Model

CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.yaml"))
HARDWARE = sorted((Path(__file__).resolve().parents[1] / "configs/hardware").glob("*.yaml"))


def test_there_are_configs() -> None:
    assert {"tiny64", "lite256", "ffhq256", "ffhq512", "celebahq256"} <= {path.stem for path in CONFIGS}
    assert HARDWARE


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_builds_its_networks(path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    sections = config["model"]
    with torch.device("meta"):  # shapes alone; no number is drawn for them
        model = Model(from_dict(ModelConfig, sections["model"]))
        resolution = model.config.generator.resolution
        Discriminator(from_dict(DiscriminatorConfig, sections["discriminator"]), resolution)
    assert path.stem.endswith(str(resolution)), "the name says the resolution"
    from_dict(LossConfig, sections["losses"])
    from_dict(ProjectedConfig, sections.get("projected", {}))
    from_dict(OptimizerConfig, sections["optimizers"])
    from_dict(MaskConfig, config["data"]["masks"])
    run = from_dict(RunConfig, config["run"])
    assert run.dir == f"runs/{path.stem}"


@pytest.mark.parametrize("path", HARDWARE, ids=lambda path: path.stem)
def test_hardware_says_where_and_not_what(path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(config) == {"trainer", "data"}
    assert set(config["trainer"]) <= {"accelerator", "devices", "num_nodes", "precision"}
    assert set(config["data"]) == {"num_workers"}
