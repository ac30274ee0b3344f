"""Every shipped configuration is complete, known to the code and buildable."""

from __future__ import annotations

from collections.abc import Iterator
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
from exegan.errors import ConfigError
from exegan.nets.discriminator import Discriminator
from exegan.nets.model import Model
from exegan.training.cli import config_names, find_config

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
HARDWARE = sorted((ROOT / "configs/hardware").glob("*.yaml"))


def leaves(value: object) -> Iterator[object]:
    """Every value of a configuration that is no section."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from leaves(part)
    else:
        yield value


@pytest.mark.parametrize("path", [*CONFIGS, *HARDWARE], ids=lambda path: path.stem)
def test_no_config_names_a_place_outside_the_current_folder(path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    texts = [value for value in leaves(config) if isinstance(value, str)]
    assert not [text for text in texts if Path(text).is_absolute() or ".." in Path(text).parts or "://" in text]


def test_a_config_is_found_by_name_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Path(find_config("tiny64")).samefile(ROOT / "configs/tiny64.yaml")
    assert Path(find_config("hardware/cpu")).samefile(ROOT / "configs/hardware/cpu.yaml")
    assert {path.stem for path in CONFIGS} <= set(config_names())
    Path("tiny64").write_text("run: {}")
    assert find_config("tiny64") == "tiny64", "a file that is there comes first"
    with pytest.raises(ConfigError, match=r"no configuration tiny65; expected a YAML file or one of bundled256, "):
        find_config("tiny65")


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
