"""`exegan train fit --config NAME`: LightningCLI with a clock in thousands of images, plain errors and resume."""

from __future__ import annotations

import dataclasses
import logging
import sys
import typing
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from jsonargparse import ArgumentError, Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from exegan.config import ModelConfig, RunConfig, from_dict, to_dict
from exegan.errors import ConfigError, ExeGanError
from exegan.io.files import short_repr
from exegan.io.weights import read_checkpoint
from exegan.training.callbacks import KimgClock, KimgProgressBar, PhaseTimes, SpeedLog, StopOnSignal
from exegan.training.checkpoints import newest_checkpoint
from exegan.training.datamodule import FaceDataModule
from exegan.training.dry_run import DryRun, DryRunReport
from exegan.training.hardware import adapt, synchronise
from exegan.training.module import ExeGanModule
from exegan.training.monitoring import GridWriter, Validator, make_loggers

# More values than any configuration has; one whose aliases repeat each other without end has more.
_MOST_VALUES = 10_000
_LONGEST_MESSAGE = 500
_NO_FACES = "no faces are given to train on; give --data.path, a folder, zip or parquet of aligned faces"
_CONFIG_OPTIONS = ("-c", "--config")
_SECTIONS = {"run": RunConfig, "data": FaceDataModule, "model": ExeGanModule, "trainer": L.Trainer}


def config_names() -> list[str]:
    """Names of the configurations that ship with exegan, such as `tiny64` and `hardware/gpu`."""
    folder = _configs_folder()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def find_config(name_or_path: str) -> str:
    """Path of a configuration: a file as it is, else the shipped one of that name.

    Raises:
        ConfigError: Neither a file nor a shipped configuration has this name.
    """
    if Path(name_or_path).exists():
        return name_or_path
    names = config_names()
    if name_or_path not in names:
        raise ConfigError(
            f"there is no configuration {name_or_path}; expected a YAML file or one of {', '.join(names)}"
        )
    return str(_configs_folder() / f"{name_or_path}.yaml")


def _configs_folder() -> Path:
    """`exegan/configs` where the package is installed, `configs` beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def _with_found_configs(args: Sequence[str]) -> list[str]:
    """The arguments, with the path of each configuration in place of its name."""
    found: list[str] = []
    for arg in args:
        option, sign, value = arg.partition("=")
        if option in _CONFIG_OPTIONS and sign:
            found.append(f"{option}={find_config(value)}")
        elif found and found[-1] in _CONFIG_OPTIONS:
            found.append(find_config(arg))
        else:
            found.append(arg)
    return found


class _Parser(LightningArgumentParser):
    """Looks at a configuration file before jsonargparse, which does not expect every kind of damage."""

    def parse_path(self, cfg_path: Any, *args: Any, **kwargs: Any) -> Any:
        if Path(cfg_path).is_file():
            _expect_sections(Path(cfg_path))
        return super().parse_path(cfg_path, *args, **kwargs)


def _expect_sections(path: Path) -> None:
    """Refuse a file that is no text, no YAML, endless, or has a value where settings belong.

    Raises:
        ConfigError: Which of them it is.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML ({error}); fix it there") from error
    except (ValueError, RecursionError) as error:  # a date of a thirteenth month; thousands of brackets
        raise ConfigError(f"{path} has a value that cannot be read ({error}); compare it with configs/") from error
    values, seen = [tree], 0
    while values:
        value, seen = values.pop(), seen + 1
        if seen > _MOST_VALUES:
            raise ConfigError(f"{path} has no end, because its aliases (*) repeat what holds them; write them out")
        if isinstance(value, (dict, list, tuple)):
            values.extend(value.values() if isinstance(value, dict) else value)
    if tree is not None and not isinstance(tree, Mapping):
        raise ConfigError(f"{path} holds {_short(tree)}, expected the sections run, data, model and trainer")
    for name, kind in _SECTIONS.items():
        if tree is not None and name in tree:
            _expect_settings(tree[name], kind, f"{path}: {name}")


def _expect_settings(values: Any, kind: type, where: str) -> None:
    """Refuse anything but a mapping (or the name of a file with one) for a section, and null where it means nothing."""
    if isinstance(values, str):
        return
    if not isinstance(values, (Mapping, Namespace)):
        raise ConfigError(f"{where} is {_short(values)}, expected settings by name; see configs/")
    for name, hint in _settings_of(kind).items():
        if name not in values or hint is Any:
            continue
        if dataclasses.is_dataclass(hint):
            _expect_settings(values[name], typing.cast(type, hint), f"{where}.{name}")
        elif values[name] is None and type(None) not in (hint, *typing.get_args(hint)):
            raise ConfigError(f"{where}.{name} is null, expected a value; leave it out for its default")


def _settings_of(kind: type) -> dict[str, Any]:
    initialise = getattr(kind, "__init__")  # noqa: B009 - mypy finds it unsound to ask for it
    return typing.get_type_hints(kind if dataclasses.is_dataclass(kind) else initialise)


def _short(value: Any) -> str:
    return "null" if value is None else short_repr(value, 40)


class ExeGanCLI(LightningCLI):
    """Adds the `run` section, what writes into `run.dir`, `--ckpt_path last` and `--dry-run`."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """`fit` alone: the module has no steps for Lightning's others, and to declare each takes as long as `fit`."""
        return {"fit": LightningCLI.subcommands()["fit"]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Declare the `run` section and settings that follow from others."""
        parser.add_argument("--run", type=RunConfig)
        parser.add_argument(
            "--dry-run", action="store_true", help="Try data, memory and networks, report the pace, write nothing."
        )
        parser.link_arguments("model.model.generator.resolution", "data.resolution")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and refuse what only the networks or NumPy would stumble over."""
        try:
            self.config = parser.parse_args(_with_found_configs(args))
        # What jsonargparse itself did not expect of a value.
        except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
            raise ConfigError(f"the configuration cannot be used ({error}); compare it with configs/") from error
        subcommand = self.config.get("subcommand")
        if subcommand is None:
            return
        config = self.config[subcommand]
        for name, kind in _SECTIONS.items():
            _expect_settings(config[name], kind, name)
        seed = config.seed_everything
        if isinstance(seed, int) and not 0 <= seed < 2**32:
            raise ConfigError(f"seed_everything is {_short(seed)}, expected 0 to 4294967295")

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Trainer whose loggers and callbacks write into the run's folder, or that writes nothing."""
        config = self.config_init[self.subcommand]
        run = config.run
        kwargs |= adapt(config.trainer)
        callbacks: list[Callback]
        if config.dry_run:
            self.save_config_callback = None
            kwargs |= {"logger": False, "profiler": PhaseTimes(lambda: synchronise(self.model.device))}
            callbacks = [KimgProgressBar(run), DryRun(run), StopOnSignal()]
        else:
            kwargs |= {"logger": make_loggers(run), "default_root_dir": run.dir}
            # The signals come last, so that one while the clock saves is still heard.
            callbacks = [
                KimgClock(run),
                GridWriter(run),
                Validator(run),
                SpeedLog(),
                KimgProgressBar(run),
                StopOnSignal(),
            ]
        self.trainer_defaults["callbacks"] = callbacks
        try:
            return super().instantiate_trainer(**kwargs)
        # Lightning has an exception of its own for this and does not always raise it.
        except (MisconfigurationException, TypeError, ValueError, RuntimeError, ImportError) as error:
            raise ConfigError(f"the section trainer cannot be used here ({error}); see configs/hardware") from error

    def _parse_ckpt_path(self) -> None:
        """Do not, as Lightning would, read a checkpoint unchecked and let its settings outweigh the configuration's."""

    def before_fit(self) -> None:
        """Turn `--ckpt_path last` into the newest checkpoint of the run; a new run starts where there is none."""
        config = self.config_init[self.subcommand]
        if config.ckpt_path == "last":
            found = newest_checkpoint(config.run.dir)
            config.ckpt_path = None if found is None else str(found)
        if config.ckpt_path is not None:
            _expect_same_networks(config.ckpt_path, self.model)
        config.weights_only = True


def _expect_same_networks(checkpoint: str, module: L.LightningModule) -> None:
    """Refuse a checkpoint of another architecture, naming what differs."""
    content = read_checkpoint(checkpoint)
    noted, ours = content.get("hyper_parameters", {}).get("model"), module.hparams["model"]
    if noted is None:
        raise ConfigError(f"{checkpoint} is no checkpoint of a training run; give a .ckpt from RUN/checkpoints")
    theirs = to_dict(from_dict(ModelConfig, noted, where=f"{checkpoint}: model"))  # older ones lack newer keys
    different = [
        f"model.{part}.{key} is {value}, in the checkpoint {theirs[part][key]}"
        for part in ("generator", "style_encoder")
        for key, value in ours[part].items()
        if theirs[part][key] != value
    ]
    if different:
        raise ConfigError(
            f"{checkpoint} is of other networks ({'; '.join(different[:3])}); use the configuration it was made with, "
            "or start from its weights with --model.warm_start"
        )


def _is_advertisement(record: logging.LogRecord) -> bool:
    return "Tip:" in record.getMessage()


def main(args: Sequence[str] | None = None, program: str = "train.py") -> int:
    """Run the training command line.

    Args:
        args: Arguments after the program's name; None takes those of the process.
        program: The program's name, in its help and before its errors.

    Returns:
        Exit code: 0 done, 2 bad input or configuration (one sentence on stderr).
    """
    try:
        _run(sys.argv[1:] if args is None else args, program)
    except (ArgumentError, MisconfigurationException) as error:
        return _fail(_NO_FACES if "fit.data.path" in str(error) else str(error), program)
    except ExeGanError as error:
        return _fail(_without_traceback(str(error)), program)
    except OSError as error:
        used = f"{error.filename} ({error.strerror})" if error.filename else f"a file ({error})"
        return _fail(f"cannot use {used}; check run.dir, data.path and the disk", program)
    return 0


def dry_run(args: Sequence[str]) -> DryRunReport:
    """What `fit --dry-run` finds, for programs.

    Args:
        args: As on the command line, without the subcommand.

    Raises:
        ExeGanError: What is wrong with the input.
        ArgumentError: What is wrong with the configuration.
    """
    trainer = _run(["fit", *args, "--dry-run"]).trainer
    (report,) = (callback.report for callback in trainer.callbacks if isinstance(callback, DryRun))  # type: ignore[attr-defined]
    if report is None:
        raise ExeGanError("the dry run was interrupted before it could measure; start it again")
    return report


def _run(args: Sequence[str], program: str = "train.py") -> ExeGanCLI:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(lambda record: not _is_advertisement(record))
    # The averages and the frozen networks are in evaluation mode on purpose; the other warning is Lightning's own.
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")
    warnings.filterwarnings("ignore", message=".*LeafSpec")
    return ExeGanCLI(
        ExeGanModule,
        FaceDataModule,
        auto_configure_optimizers=False,
        save_config_kwargs={"overwrite": True},
        trainer_defaults={
            "max_epochs": -1,  # the kimg clock ends the run
            "use_distributed_sampler": False,  # samples are dealt by number
            "enable_checkpointing": False,  # the kimg clock saves
            "log_every_n_steps": 10,
        },
        parser_class=_Parser,
        parser_kwargs={"exit_on_error": False, "prog": program},
        args=list(args),
    )


def _without_traceback(message: str) -> str:
    """The sentence of an error that a data worker raised, which PyTorch hands over with the worker's traceback."""
    return message.strip().splitlines()[-1].partition(": ")[2] if message.startswith("Caught ") else message


def _fail(message: str, program: str) -> int:
    message = " ".join(message.split())
    if len(message) > _LONGEST_MESSAGE:  # jsonargparse repeats the value, however long it is
        message = f"{message[: _LONGEST_MESSAGE // 2]} ... {message[-_LONGEST_MESSAGE // 2 :]}"
    print(f"{program}: {message}", file=sys.stderr)
    return 2
