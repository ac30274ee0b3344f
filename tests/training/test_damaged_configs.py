"""Whatever a configuration holds, training begins or says in one sentence why not; nothing ends with a traceback."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import yaml
from test_fit import CONFIG

from exegan.training.cli import main

pytestmark = pytest.mark.filterwarnings("ignore")

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").rglob("*.yaml"))
# In the place of anything.
VALUES = [
    *(None, 3, -1, 0, 1.5, -0.0, float("inf"), float("nan"), 10**30, 2**63, 1e-320, True, False),
    *("", "cpu", "null", "1e3", "${x}", "../..", "a\0b", "x" * 5000, "\u0663", "\u2028"),
    *([], [None], [1, 2], [[[]]], {}, {"a": 1}, {1: 2}, {None: None}, {"class_path": "os.system"}),
]
# In the place of the whole.
TEXTS = [
    *(b"", b"3", b"[]", b"null", b"\0", b"\xff\xfe", b"--- a\n--- b", b"x: 1\nx: 2", b"? [1]\n: 2"),
    *(b"- " * 3000, b"[" * 5000, b"{" * 3000, b"run: 2020-13-01", b"run: !!set {a, b}", b"model: !!binary aGVsbG8="),
    *(
        b"!!python/object/apply:os.system [echo]",
        b"a: &a [*a]",
        b"model: &m {model: *m}",
        b"trainer: &t {callbacks: *t}",
    ),
    b"a: &a [0]\n" + b"".join(b"%c: &%c [%s]\n" % (c + 1, c + 1, b"*%c, " % c * 9) for c in range(97, 110)),
]


@pytest.fixture
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything up to the first batch; the command line takes options from the signature."""

    def fit(
        self: L.Trainer,
        model: Any,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        datamodule: Any = None,
        ckpt_path: str | None = None,
        weights_only: bool | None = None,
    ) -> None:
        pass

    monkeypatch.setattr(L.Trainer, "fit", fit)


def places(tree: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield place
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from places(value, (*place, key))


def mutate(seed: int, faces: Path, run: Path) -> bytes:
    """A shipped configuration with tiny networks and one thing wrong; the same for the same seed."""
    draw = random.Random(seed)
    tree = yaml.safe_load(CONFIG.format(run=run, faces=faces, total=1))
    shipped = yaml.safe_load(draw.choice(CONFIGS).read_text(encoding="utf-8"))
    tree["trainer"] = {**shipped["trainer"], "accelerator": "cpu", "devices": 1}
    for section in ("losses", "optimizers"):
        usual = shipped.get("model", {}).get(section, {})
        tree["model"][section] = {**usual, **tree["model"][section], "projected": 0.0} if section == "losses" else usual
    kind = draw.randrange(4)
    if kind == 3:
        return draw.choice(TEXTS)
    if kind == 2:
        text = bytearray(yaml.safe_dump(tree).encode(draw.choice(["utf-8", "utf-8", "utf-16"])))
        for _ in range(draw.randint(0, 4)):
            text[draw.randrange(len(text))] = draw.randrange(256)
        return bytes(text[: draw.choice([len(text), draw.randrange(len(text))])])
    *above, last = draw.choice([place for place in places(tree) if place])
    branch = tree
    for key in above:
        branch = branch[key]
    if kind == 1 and draw.random() < 0.5:
        del branch[last]
    else:
        branch[last] = copy.deepcopy(draw.choice(VALUES))
    return yaml.safe_dump(tree, allow_unicode=True).encode()


def begins_or_says_why(config: Path, capsys: pytest.CaptureFixture[str], about: object) -> bool:
    code = main(["fit", "--config", str(config), "--dry-run"])
    printed = capsys.readouterr().err
    said = [line for line in printed.splitlines() if line.startswith("train.py: ")]
    assert code in (0, 2) and len(said) == (code == 2) and "Traceback" not in printed, (about, code, printed)
    return code == 0


@pytest.mark.usefixtures("_no_training")
@pytest.mark.parametrize("first", [0, *(pytest.param(25 * n, marks=pytest.mark.campaign) for n in range(1, 12))])
def test_damaged_configurations(tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str], first: int) -> None:
    begun = 0
    for seed in range(first, first + 25):
        (tmp_path / "config.yaml").write_bytes(mutate(seed, faces, tmp_path / "run"))
        begun += begins_or_says_why(tmp_path / "config.yaml", capsys, f"seed {seed}")
    assert begun < 25
    assert begun > 0 or first > 0  # later ones may all be refused, as they happen to be changed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trainer: 3", "config.yaml: trainer is 3, expected settings by name"),
        ("trainer: -0.0", "config.yaml: trainer is -0.0, expected settings by name"),
        ("data: null", "config.yaml: data is null, expected settings by name"),
        ("model: {discriminator: .inf}", "config.yaml: model.discriminator is inf, expected settings by name"),
        ("model: {losses: {perceptual_net: 1.5}}", "model.losses.perceptual_net is 1.5, expected settings by name"),
        ("model: {losses: {attribute: null}}", "model.losses.attribute is null, expected a value; leave it out"),
        ("model: {model: {generator: {channel_base: null}}}", "generator.channel_base is null, expected a value"),
        ("trainer: {devices: cpu}", "trainer.devices is 'cpu', expected a number, a list of numbers or auto"),
        ("trainer: {devices: -3}", "trainer"),
        ("trainer: {accelerator: toaster}", "the section trainer cannot be used here"),
        ("trainer: {limit_train_batches: 1.5}", "limit_train_batches"),
        ("trainer: {max_epochs: -3}", "max_epochs"),
        ("seed_everything: -1", "seed_everything is -1, expected 0 to 4294967295"),
        ("seed_everything: 4294967296", "seed_everything is 4294967296, expected 0 to 4294967295"),
        ("model: &m {model: *m}", "config.yaml has no end"),
        ("run: [", "config.yaml is not YAML"),
        ("run: " + "[" * 1500, "config.yaml"),
    ],
)
def test_one_wrong_thing_is_named(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    usual, config = tmp_path / "usual.yaml", tmp_path / "config.yaml"
    usual.write_text(CONFIG.format(run=tmp_path / "run", faces=faces, total=0.004), encoding="utf-8")
    config.write_text(text, encoding="utf-8")
    assert main(["fit", "--config", str(usual), "--config", str(config), "--dry-run"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("train.py: ") and said in error, error


def test_other_encodings_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("run: {}", encoding="utf-16")
    assert main(["fit", "--config", str(tmp_path / "config.yaml")]) == 2
    assert "config.yaml is not UTF-8 text" in capsys.readouterr().err


def test_null_is_no_number_on_the_command_line_either(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG.format(run=tmp_path / "run", faces=faces, total=1), encoding="utf-8")
    assert main(["fit", "--config", str(tmp_path / "config.yaml"), "--model.losses.attribute=null", "--dry-run"]) == 2
    assert "model.losses.attribute" in capsys.readouterr().err.splitlines()[-1]
