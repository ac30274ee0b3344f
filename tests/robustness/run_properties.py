"""Whole runs: tables, manifests, folders and configurations. Nothing is lost, half-written or done twice."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import mutators
import pyarrow
import yaml
from harness import Case, command, contents, expect, kind, outcome_of, run_program
from pyarrow import parquet

from exegan.io import FORMATS
from exegan.training import cli as training


@kind("tables")
def tables(case: Case) -> str:
    """A table is planned or refused; what is planned can be run, and a second run finds nothing to do."""
    random, faces = case.random, case.shop.faces
    os.mkfifo(case.folder / "pipe.png")
    cells = [*mutators.TEXTS, "region:eyes", "region:", "http://127.0.0.1:9/a.png", "ftp://127.0.0.1:9/a.png"]
    cells += ["zip://a.png::x.zip", "zip://", "file:///etc/passwd", "s3://", "memory://a", "pipe.png", "/dev/zero", "."]
    rows: list[Any] = [
        {
            "photo": f"{faces}/photos/{n}.jpg",
            "mask": f"{faces}/masks/{n}.png",
            "exemplar": f"{faces}/exemplars/{n}.png",
            "seed": n,
        }
        for n in range(2)
    ]

    def value(random: Random) -> Any:
        return random.choice(cells) if random.random() < 0.6 else mutators.make_value(random)

    for _ in range(random.choice((0, 1, 1, 2))):
        rows = mutators.changed_document(rows, random, value)
    suffix = random.choice((".csv", ".csv", ".jsonl", ".jsonl", ".parquet", ".txt"))
    table = case.folder / f"table{suffix}"
    table.write_bytes(packed_table(rows if isinstance(rows, list) else [rows], suffix, random))
    code, _ = command("batch", "--pairs", table, "-o", "out", "--dry-run")
    expect(not Path("out").exists(), "a dry run wrote something")
    return outcome_of(code) if code == 2 else run_twice(case, "--pairs", table)


def packed_table(rows: list[Any], suffix: str, random: Random) -> bytes:
    if suffix == ".parquet":
        file = io.BytesIO()
        with contextlib.suppress(pyarrow.ArrowException, AttributeError, OverflowError, TypeError, UnicodeEncodeError):
            parquet.write_table(pyarrow.Table.from_pylist(rows), file)
        data = file.getvalue()
    elif suffix == ".jsonl":
        data = b"\n".join(mutators.damaged_json(row, random) if random.random() < 0.1 else dumped(row) for row in rows)
    else:
        names = list(dict.fromkeys(str(name) for row in rows if isinstance(row, dict) for name in row))
        lines = [names, *([str(row.get(name, "")) for name in names] for row in rows if isinstance(row, dict))]
        data = "\n".join(",".join(line) for line in lines).encode("utf-8", errors="surrogatepass")
    return mutators.damaged(data, random, 2) if random.random() < 0.2 else data


def dumped(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", errors="surrogatepass")


def run_twice(case: Case, *sources: str | Path) -> str:
    """A batch is run; nothing but its folder changes, nothing half-written stays, and it is the same the next time."""
    before = contents(case.folder)
    given = (*sources, "-o", "out", *case.shop.batch_options)
    code, printed = command("batch", *given)
    outside = {name: stamp for name, stamp in contents(case.folder).items() if not name.startswith("out/")}
    expect(outside == before, "something beside the output folder changed")
    output = case.folder / "out"
    check_output_folder(output)
    if code < 2:
        first, again = json.loads(printed), command("batch", *given)
        expect(again[0] == code, f"exit code {code}, then {again[0]}")
        expect(json.loads(again[1])["done"] == 0, "a second run did something again")
        expect(json.loads(again[1])["done_before"] == first["done"], f"first {printed}, then {again[1]}")
    return outcome_of(code)


def check_output_folder(output: Path) -> None:
    half = [str(name) for name in contents(output) if name.rpartition("/")[2].startswith(".") and "lock" not in name]
    expect(not half, f"half-written files stay: {half}")


@kind("manifests")
def manifests(case: Case) -> str:
    """A batch goes on over a damaged manifest and whatever lies in its folder, and replaces no output."""
    random, output = case.random, Path(shutil.copytree(case.shop.finished, case.folder / "out"))
    manifest = output / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    for _ in range(random.choice((0, 1, 1, 3))):
        number = random.randrange(len(lines))
        lines[number] = mutators.damaged_json(json.loads(lines[number]), random) + b"\n"
        lines.insert(0, lines[number]) if random.random() < 0.2 else None
        lines = [line for line in lines if is_json(line)] or [b"{}\n"] if random.random() < 0.5 else [*lines, b"{}\n"]
        lines = [line if is_json(line) else b"{}\n" for line in lines]
    data = b"".join(lines)
    manifest.write_bytes(mutators.damaged(data, random) if random.random() < 0.3 else data)
    if random.random() < 0.4:
        place = random.choice(sorted(output.glob("[0-9]*.png")))
        place.unlink()
        half = output / f".{place.stem}.partial.png", output / f"..{place.stem}.partial.png.1.tmp"
        random.choice((place.mkdir, place.touch, lambda: None, *(path.touch for path in half)))()
    if random.random() < 0.1:
        manifest.unlink()
        random.choice((manifest.mkdir, manifest.touch, lambda: None))()
    before = {path.name: path.read_bytes() for path in output.glob("[0-9]*.png") if path.is_file()}
    table = case.shop.finished.parent / "table.csv"
    more = random.choice(((), ("--retry-failed",)))
    code, printed = command("batch", "--pairs", table, "-o", output, *case.shop.batch_options, *more)
    for name, content in before.items():
        expect((output / name).read_bytes() == content, f"{name} was replaced")
    if code == 0:
        expect(json.loads(printed)["problems"] == [], "problems, and exit code 0")
        expect(len([*output.glob("[0-9]*.png")]) == 3, "an output is missing")
        check_output_folder(output)
    return outcome_of(code)


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


@kind("folders")
def folders(case: Case) -> str:
    """A folder of damaged photos with odd names is completed as far as it goes."""
    random = case.random
    (case.folder / "photos").mkdir()
    (case.folder / "masks").mkdir()
    stems: list[bytes] = [
        b"a",
        b"b b",
        "é\u2028\u0085".encode(),
        b"\xff\xfe",
        b"x" * 249,
        b"#1",
        b"%41",
        b"a\nb",
        b"-o",
    ]
    stems += [b".hidden", b"a.tar", b"=1+1", b"manifest", b"CON", b"[a]*"]
    for stem in random.sample(stems, random.randint(1, 3)):
        name, data = mutators.make_picture(random) if random.random() < 0.6 else ("a.png", b"")
        if not data:
            data = (case.shop.faces / f"exemplars/{random.randrange(7)}.png").read_bytes()
        place = os.fsencode(case.folder) + b"/photos/" + stem + Path(name).suffix.encode()
        Path(os.fsdecode(place)).write_bytes(data)
    mask: str | Path = random.choice((case.shop.faces / "masks/0.png", "region:eyes", "region:face"))
    exemplar = case.shop.faces / "exemplars/0.png"
    if random.random() < 0.2:
        exemplar = case.folder / "exemplar.png"
        exemplar.write_bytes(mutators.make_picture(random)[1])
    extension = random.choice(list(FORMATS)).lstrip(".")
    return run_twice(case, "photos", "--masks", mask, "--exemplars", exemplar, "--format", extension)


CONFIG = """
run: {total_kimg: 1, save_kimg: 0.5, grid_kimg: 0.5}
data: {batch_size: 4, num_workers: 0, self_exemplar_prob: 0.5, masks: {recipe: large_holes}, resolution: 16}
model:
  model:
    family: lite
    generator: {resolution: 16, channel_base: 128, channel_max: 8, z_dim: 8, w_dim: 8, global_dim: 8}
    style_encoder: {kind: small, resolution: 16, channel_base: 128, channel_max: 8}
  discriminator: {channel_base: 128, channel_max: 8}
  losses: {perceptual: 0.0, identity: 0.0, reconstruction: 1.0, r1_interval: 2, path_length_interval: 2}
  optimizers: {lr: 0.002}
  augment: {}
  warm_start: null
trainer: {accelerator: cpu, devices: 1, log_every_n_steps: 1, enable_model_summary: false, max_epochs: -1}
seed_everything: 1
"""
ONLY_FIT = staticmethod(lambda: {"fit": training.ExeGanCLI.__mro__[1].subcommands()["fit"]})  # other parsers cost time
YAML_LINES = (
    "run: &a [*a]", "a: &b {c: *b}", "data: *nowhere", "model: !!python/object/apply:os.system ['touch canary']",
    "? [1, 2]\n: 3", "data:\n\t- 1", "run: {dir: !!binary aGk=}", "<<: 3", "trainer: 3", "%YAML 9.9", "---\na: 1\n---",
    "model: {losses: null}", "run: 2020-01-01", "run: 0x1F", "data: {path: ~}", "run: &x {dir: *x}", "\0", "\ufeff",
)  # fmt: skip


@kind("yaml")
def yaml_configs(case: Case) -> str:
    """A configuration is tried out or refused, and a dry run writes nothing."""
    random = case.random
    document = yaml.safe_load(CONFIG)
    document["run"]["dir"], document["data"]["path"] = str(case.folder / "run"), str(case.shop.faces / "photos")
    small = [0, 1, 2, 3, 7, 16, 64, -1, 0.5, -0.5, 1e308, float("inf"), float("nan")]
    values = [None, True, False, [], {}, [1], {"a": 1}, "cpu", "auto", "lite", "tpu", *mutators.TEXTS, *small]
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        document = mutators.changed_document(document, random, lambda random: random.choice(values))
    # Several devices or machines would be other processes, and wait for each other.
    trainer = document.get("trainer") if isinstance(document, dict) else None
    if isinstance(trainer, dict) and trainer.get("devices") not in (0, True, "cpu", None, "", [], {}, 0.5):
        trainer["devices"] = 1
    text = yaml.safe_dump(document, allow_unicode=random.random() < 0.5)
    if random.random() < 0.25:
        lines = text.splitlines()
        lines.insert(random.randrange(len(lines) + 1), random.choice(YAML_LINES))
        text = "\n".join(lines)
    data = text.encode(random.choice(("utf-8",) * 9 + ("utf-16",)), errors="surrogatepass")
    Path("config.yaml").write_bytes(mutators.damaged(data, random, 2) if random.random() < 0.15 else data)
    before = contents(case.folder)
    with patch("exegan.training.dry_run._READING_S", 0.0), patch.object(training.ExeGanCLI, "subcommands", ONLY_FIT):
        code, _ = run_program(lambda: training.main(["fit", "--config", "config.yaml", "--dry-run"]), "train.py")
    expect(contents(case.folder) == before, "a dry run wrote something, or code was executed")
    return outcome_of(code)
