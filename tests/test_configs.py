"""Every shipped configuration is complete, known to the code and buildable."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from exegan.config import (
    DiscriminatorConfig,
    LossConfig,
    MaskConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    from_dict,
)
from exegan.nets.discriminator import Discriminator
from exegan.nets.model import Model

CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.yaml"))


def test_there_are_configs() -> None:
    assert "tiny64" in {path.stem for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_builds_its_networks(path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    sections = config["model"]
    model = Model(from_dict(ModelConfig, sections["model"]))
    assert path.stem.endswith(str(model.config.generator.resolution)), "the name says the resolution"
    Discriminator(from_dict(DiscriminatorConfig, sections["discriminator"]), model.config.generator.resolution)
    from_dict(LossConfig, sections["losses"])
    from_dict(OptimizerConfig, sections["optimizers"])
    from_dict(MaskConfig, config["data"]["masks"])
    run = from_dict(RunConfig, config["run"])
    assert run.dir == f"runs/{path.stem}"
