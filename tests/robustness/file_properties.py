"""Files that are read: pictures, masks, styles, model folders, checkpoints. Each is used or refused in one sentence."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import mutators
import numpy as np
import torch
from harness import DONE, Case, command, expect, kind, nothing_left_on_refusal, pack
from PIL import Image
from safetensors.torch import save

from exegan.evaluation.mask_set import open_mask_set
from exegan.inpainter import Inpainter, load_style, write_completed
from exegan.io import FORMATS, check_mask, open_photo, read_mask, read_photo
from exegan.io.decode import WITH_XMP
from exegan.io.weights import read_checkpoint
from exegan.training.checkpoints import newest_checkpoint
from exegan.training.export import copy_fitting_weights


@kind("pictures")
def pictures(case: Case) -> str:
    """A photo is read, changed, written with its mark in any format, and looked at."""
    name, data = mutators.make_picture(case.random)
    path, suffix = case.folder / name, case.random.choice(list(FORMATS))
    output = case.folder / "out" / f"done{suffix}"
    path.write_bytes(data)
    output.parent.mkdir()
    command("verify", path)
    with nothing_left_on_refusal(case.folder):
        photo = open_photo(path)
        expect(photo.image.mode == "RGB", "not RGB")
        completed = np.array(photo.image)
        completed[: len(completed) // 2] ^= 64
        quality = case.random.choice((None, 1, 100))
        sha256 = case.random.choice((None, "a" * 64))
        write_completed(photo, Image.fromarray(completed), output, seed=3, model_sha256=sha256, quality=quality)
    expect([file.name for file in output.parent.iterdir()] == [output.name], "other files beside the output")
    written = open_photo(output)
    expect(written.image.size == photo.image.size, "another size")
    if suffix == ".png" and written.native.mode == photo.native.mode:  # no CMYK, which PNG has not
        for before, after in ((photo.native, written.native), (photo.deep, written.deep)):
            if before is not None and after is not None:
                known = (np.asarray(picture)[len(completed) // 2 :] for picture in (before, after))
                expect(np.array_equal(*known), "known pixels changed")
    if FORMATS[suffix] in WITH_XMP:
        expect(command("verify", output)[0] == 0, "the output is not marked")
    return DONE


@kind("masks")
def masks(case: Case) -> str:
    """A mask is a bool array; a mask set is what it was when it was written."""
    if case.random.random() < 0.7:
        name, data = mutators.make_picture(case.random)
        (case.folder / name).write_bytes(data)
        mask = read_mask(case.folder / name)
        expect(mask.dtype == np.bool_ and mask.shape == read_photo(case.folder / name).size[::-1], "no mask")
        check_mask(mask, case.random.choice((mask.shape, (33, 47))))  # type: ignore[arg-type]
        return DONE
    folder = Path(shutil.copytree(case.shop.mask_set, case.folder / "set"))
    damage_one(case, folder, "mask-set.json")
    opened = open_mask_set(folder)
    expect(all(opened.mask(name, 0).shape == (32, 32) for name, count in opened.counts.items() if count), "another set")
    return DONE


def damage_one(case: Case, folder: Path, document: str) -> None:
    """Change a folder's JSON document, or any of its files, or remove one, or put a folder in its place."""
    way = case.random.random()
    if way < 0.6:
        facts = json.loads((folder / document).read_text())
        (folder / document).write_bytes(mutators.damaged_json(facts, case.random))
        return
    path = case.random.choice(sorted(file for file in folder.rglob("*") if file.is_file()))
    data = path.read_bytes()
    path.unlink()
    if way < 0.9:
        path.write_bytes(mutators.damaged(data, case.random))
    elif way < 0.95:
        path.mkdir()


@kind("styles")
def styles(case: Case) -> str:
    """A style is read and used by the model."""
    path = case.folder / "a.safetensors"
    path.write_bytes(damaged_safetensors(case.shop.style, case.random))
    style = case.shop.inpainter.make_style(load_style(path))
    size = case.shop.inpainter.resolution
    picture, mask = torch.zeros(1, 3, size, size), torch.ones(1, 1, size, size)
    completed = case.shop.inpainter.complete(picture, mask, style.codes[None])
    expect(completed.shape == picture.shape, "another shape")
    return DONE


def damaged_safetensors(data: bytes, random: Random) -> bytes:
    """Header changed as JSON, other types of tensors, or any bytes."""
    way = random.random()
    if way < 0.4:
        length = int.from_bytes(data[:8], "little")
        header = mutators.damaged_json(json.loads(data[8 : 8 + length]), random)
        return len(header).to_bytes(8, "little") + header + data[8 + length :]
    if way < 0.6:
        kinds = (torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16, torch.float16, torch.float64, torch.int64)
        kind = random.choice((*kinds, torch.bool, torch.uint8, torch.complex64))
        shape = random.choice(((4, 8), (8,), (0, 8), (4, 8, 1), (1, 4, 8), (6, 8), ()))
        values = torch.full(shape, random.choice((0.0, 1.0, 3e38, float("nan")))).to(kind)
        return save({"style": values}, {"format": "exegan-style-1", "model_sha256": ""})
    return mutators.damaged(data, random) if way < 0.95 else data


@kind("models")
def models(case: Case) -> str:
    """A model folder is loaded and completes a picture."""
    if case.random.random() < 0.1:
        names = [*mutators.TEXTS, "default/../../..", "model.safetensors", str(case.folder), "\0default", "~"]
        Inpainter.from_pretrained(case.random.choice(names), "cpu", backend=case.random.choice(("torch", "onnx")))
        return DONE
    folder = Path(shutil.copytree(case.shop.model, case.folder / "model"))
    if case.random.random() < 0.3:
        weights = folder / "model.safetensors"
        weights.write_bytes(damaged_safetensors(weights.read_bytes(), case.random))
        facts = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(facts | {"sha256": None}))
    else:
        damage_one(case, folder, "config.json")
    inpainter = Inpainter.from_pretrained(folder, "cpu")
    size = inpainter.resolution
    picture, mask = torch.zeros(1, 3, size, size), torch.ones(1, 1, size, size)
    style_size = inpainter.model.config.style_encoder.resolution
    completed = inpainter.complete(picture, mask, torch.zeros(1, 3, style_size, style_size))
    expect(completed.shape == picture.shape, "another shape")
    return DONE


@kind("checkpoints")
def checkpoints(case: Case) -> str:
    """A checkpoint runs no code, and gives the weights it was saved with or none: exported, resumed or built upon."""
    random, canary = case.random, case.folder / "canary"
    sound, legacy = case.shop.checkpoint(), random.random() < 0.2
    run = case.folder / "run" / "checkpoints"
    run.mkdir(parents=True)
    before, path = run / "kimg-000001.000.ckpt", run / "kimg-000002.000.ckpt"
    before.write_bytes(sound)
    way, only_bytes = random.random(), False
    if way < 0.5:
        whole = case.shop.checkpoint(legacy)
        data = mutators.spotted(whole, random) if way < 0.1 else mutators.damaged(whole, random, 20)
        only_bytes = not legacy
    elif way < 0.7:
        data = mutators.hostile_pickle(random, str(canary))
        data = in_archive(data) if random.random() < 0.5 else data
    else:
        data = pack(changed_content(case, random), legacy)
    path.write_bytes(data)
    if newest_checkpoint(run.parent) == path and only_bytes:
        states = [read_checkpoint(file)["state_dict"] for file in (before, path)]
        same = all(torch.equal(states[0][key].nan_to_num(), states[1][key].nan_to_num()) for key in states[0])
        expect(same, "training would go on from damaged weights")
    code, _ = command("export", path, "-o", case.folder / "model")
    expect(code == 0 or not (case.folder / "model").exists(), "a part of a model was left behind")
    try:
        copy_fitting_weights(case.shop.module, str(path))
    finally:
        case.shop.module.load_state_dict(torch.load(io.BytesIO(sound), weights_only=True)["state_dict"])
        expect(not canary.exists(), "code was executed")
    return DONE


def in_archive(pickled: bytes) -> bytes:
    """A checkpoint of the usual format with another pickle in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def changed_content(case: Case, random: Random) -> Any:
    """A checkpoint's content with other shapes, types, values or keys."""
    content: Any = torch.load(io.BytesIO(case.shop.checkpoint()), weights_only=True)
    state = dict(content["state_dict"])
    key = random.choice(list(state))
    tensors = (torch.zeros(3), torch.zeros(0), torch.tensor(float("nan")), state[key].to(torch.int8), state[key][None])
    if random.random() < 0.5:
        state[key] = random.choice((*tensors, torch.zeros(2).to_sparse(), torch.zeros(2, dtype=torch.complex64), None))
        return content | {"state_dict": state}
    if random.random() < 0.5:
        options = content["hyper_parameters"]
        return content | {"hyper_parameters": mutators.changed_document(options, random)}
    return mutators.changed_document(content, random)
