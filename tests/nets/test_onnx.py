"""Networks in ONNX Runtime: the same pictures as PyTorch's, and no ONNX folder that computes anything else."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from helpers import assert_close, tiny_model_config
from torch import Tensor

from exegan.config import GeneratorConfig, ModelConfig, StyleEncoderConfig
from exegan.errors import InputError, WeightsError
from exegan.inpainter import Inpainter
from exegan.io.weights import sha256_of
from exegan.nets import onnx_export
from exegan.nets.checkpoint import ONNX_FILES, load_model, save_model
from exegan.nets.model import Model
from exegan.nets.onnx_export import export_onnx, measure_difference, write_style_encoder
from exegan.nets.onnx_runtime import load_onnx, open_graph, run_graph
from exegan.nets.style_encoder import resize_exemplar

ROOT = Path(__file__).resolve().parents[2]


def tiny_model() -> Model:
    torch.manual_seed(0)
    model = Model(tiny_model_config())
    model.update_mean_w()
    for name, parameter in model.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(0.5)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model's folder, with its ONNX folder beside it."""
    folder = tmp_path_factory.mktemp("tiny")
    save_model(tiny_model(), folder / "torch", {})
    export_onnx(folder / "torch", folder / "onnx")
    return folder


@pytest.fixture
def onnx(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny ONNX folder to spoil."""
    (tmp_path / "onnx").mkdir()
    for path in (tiny / "onnx").iterdir():
        (tmp_path / "onnx" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "onnx"


def faces(inpainter: Inpainter, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Image, mask and an exemplar of a size that must be resized."""
    side = inpainter.resolution
    mask = torch.zeros(batch, 1, side, side)
    mask[:, :, 2:-2, 3:-3] = 1
    return torch.rand(batch, 3, side, side) * 2 - 1, mask, torch.rand(batch, 3, 90, 70) * 2 - 1


def assert_same_pictures(torch_model: str | Path, onnx_model: Path, batch: int, **options: object) -> None:
    pair = [Inpainter.from_pretrained(torch_model, "cpu"), Inpainter.from_pretrained(onnx_model, "cpu", backend="onnx")]
    inputs = faces(pair[0], batch)
    expected, got = (inpainter.complete(*inputs, seed=list(range(batch)), **options) for inpainter in pair)  # type: ignore[arg-type]
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("noise_mode", ["const", "random", "none"])
@pytest.mark.parametrize(("strength", "psi"), [(1.0, 1.0), (0.0, 1.0), (0.7, 0.3), (0.2, 0.0)])
def test_tiny_pictures_are_pytorchs(tiny: Path, batch: int, noise_mode: str, strength: float, psi: float) -> None:
    options = {"noise_mode": noise_mode, "exemplar_strength": strength, "truncation_psi": psi}
    assert_same_pictures(tiny / "torch", tiny / "onnx", batch, **options)


def test_each_item_may_have_its_own_strength(tiny: Path) -> None:
    assert_same_pictures(tiny / "torch", tiny / "onnx", 3, exemplar_strength=[0.2, 1.0, 0.2], noise_mode="random")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch", "noise_mode", "strength", "psi"),
    [(1, "const", 1.0, 1.0), (3, "const", 0.4, 0.7), (1, "none", 0.0, 1.0), (3, "random", 1.0, 0.0)],
)
def test_bundled_pictures_are_pytorchs(
    onnx_model: Path, batch: int, noise_mode: str, strength: float, psi: float
) -> None:
    options = {"noise_mode": noise_mode, "exemplar_strength": strength, "truncation_psi": psi}
    assert_same_pictures("default", onnx_model, batch, **options)


def test_noise_for_one_serves_all_and_styles_are_values(tiny: Path) -> None:
    model, exported = load_model(tiny / "torch"), load_onnx(tiny / "onnx")
    config = model.config.generator
    inpainter = Inpainter(exported, torch.device("cpu"))
    image, mask, exemplar = faces(inpainter, 3)
    style = inpainter.encode_exemplar(exemplar)
    assert_close(inpainter.complete(image, mask, style), inpainter.complete(image, mask, exemplar))
    z = torch.randn(3, config.z_dim)
    # Some layers' noise for one and some for three: each layer's batch is its own.
    noise = [torch.randn(1 + 2 * (i % 2), 1, *shape) for i, shape in enumerate(config.noise_shapes())]
    expected = model.generate(image, mask, z, style, noise=noise)
    torch.testing.assert_close(exported.generate(image, mask, z, style, noise=noise), expected, rtol=0, atol=1e-4)
    assert not torch.allclose(expected, model.generate(image, mask, z, style), atol=1e-2), "noise is seen at all"


def test_memory_is_planned_for_every_batch(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 2
    session = onnxruntime.InferenceSession(tiny / "onnx/generator.onnx", options, providers=["CPUExecutionProvider"])
    shapes = {value.name: value.shape[1:] for value in session.get_inputs()}
    for batch in (1, 3):
        session.run(None, {name: np.ones((batch, *shape), dtype=np.float32) for name, shape in shapes.items()})
    said = capfd.readouterr().err
    assert "noise_0" in said, "remarks are heard"
    assert "mismatch" not in said


@pytest.mark.slow
def test_the_frozen_encoder_sees_the_same_after_resizing_outside(tmp_path: Path) -> None:
    encoder = StyleEncoderConfig(kind="irse50", resolution=32)
    generator = GeneratorConfig(resolution=16, channel_base=128, channel_max=8, num_coarse=4)
    model = Model(ModelConfig(generator=generator, style_encoder=encoder)).eval().requires_grad_(False)
    exemplar = torch.rand(3, 3, 50, 40) * 2 - 1
    style = model.encode_exemplar(exemplar)
    resized = resize_exemplar(exemplar, encoder)
    assert_close(model.encode_exemplar(resized), style)
    write_style_encoder(model, tmp_path / "graph.onnx")
    session = open_graph(tmp_path / "graph.onnx", torch.device("cpu"), {"exemplar": (3, 32, 32)})
    torch.testing.assert_close(run_graph(session, {"exemplar": resized}), style, rtol=0, atol=1e-6)
    assert style.std() > 1e-3
    (tmp_path / "graph.onnx").unlink()  # 160 MB


def test_folder_tells_what_it_is_and_nothing_of_the_machine(tiny: Path) -> None:
    description = json.loads((tiny / "onnx/config.json").read_text())
    source = json.loads((tiny / "torch/config.json").read_text())
    assert description["model"] == source["model"]
    assert description["format"] != source["format"]
    assert description["source_sha256"] == source["sha256"]
    assert set(description["sha256"]) == {"style_encoder.onnx", "generator.onnx"}
    assert 0 < max(description["difference"].values()) < 1e-4
    for name, sha256 in description["sha256"].items():
        assert sha256_of(tiny / "onnx" / name) == sha256
        assert str(ROOT).encode() not in (tiny / "onnx" / name).read_bytes()
    assert sorted(path.name for path in tiny.iterdir()) == ["onnx", "torch"], "nothing else is left"


def test_snippet_of_the_documentation(onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snippet = (ROOT / "docs/onnx.md").read_text().split("```python\n")[1].split("```")[0]
    onnx.rename(onnx.with_name("exegan-onnx"))
    monkeypatch.chdir(onnx.parent)
    names: dict[str, np.ndarray] = {}
    exec(snippet, names)
    hole = names["mask"].repeat(3, axis=1) == 1
    assert np.array_equal(names["completed"][~hole], names["image"][~hole])
    arguments = [torch.from_numpy(names[name]) for name in ("image", "mask", "z", "style")]
    expected = tiny_model().generate(*arguments).clamp(-1, 1).numpy()
    np.testing.assert_allclose(names["completed"][hole], expected[hole], atol=1e-4)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def describe(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut(path: Path) -> None:
    """Spoil a graph and put the new hash into the description."""
    path.write_bytes(path.read_bytes()[:1000])
    hashes = json.loads((path.parent / "config.json").read_text())["sha256"]
    describe(path.parent, sha256=hashes | {path.name: sha256_of(path)})


def widen(folder: Path) -> None:
    section = json.loads((folder / "config.json").read_text())["model"]
    section["generator"]["resolution"] = 32
    describe(folder, model=section)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "one byte": (lambda folder: damage(folder / "generator.onnx"), "generator.onnx is not the file"),
    "exchanged": (lambda folder: damage(folder / "style_encoder.onnx"), "style_encoder.onnx is not the file"),
    "no graph": (lambda folder: cut(folder / "generator.onnx"), "cannot be read by ONNX Runtime"),
    "one missing": (lambda folder: (folder / "generator.onnx").unlink(), "has no generator.onnx"),
    "not described": (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
    "no hashes": (lambda folder: describe(folder, sha256={}), "no sha256"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "JSON"),
    "format of the future": (lambda folder: describe(folder, format="onnx-9"), "onnx-9"),
    "other sizes": (widen, "takes"),
    "data missing": (
        lambda folder: describe(folder, sha256=dict.fromkeys(("x.data", *ONNX_FILES), "")),
        "x.data",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), SPOILT.values(), ids=SPOILT.keys())
def test_spoilt_folders_are_refused(onnx: Path, spoil: Callable[[Path], object], said: str) -> None:
    spoil(onnx)
    with pytest.raises(WeightsError, match=said):
        load_onnx(onnx)


def test_each_backend_points_to_the_other(tiny: Path) -> None:
    with pytest.raises(WeightsError, match=r"'exegan onnx .* -o OUT'"):
        Inpainter.from_pretrained(tiny / "torch", "cpu", backend="onnx")
    with pytest.raises(WeightsError, match="exegan onnx default -o"):
        Inpainter.from_pretrained("default", "cpu", backend="onnx")
    with pytest.raises(WeightsError, match="--backend onnx"):
        Inpainter.from_pretrained(tiny / "onnx", "cpu")
    with pytest.raises(WeightsError, match="is not a folder"):
        load_onnx(tiny / "nowhere")
    with pytest.raises(InputError, match="abacus"):
        Inpainter.from_pretrained(tiny / "onnx", "cpu", backend="abacus")
    with pytest.raises(InputError, match="precision"):
        Inpainter.from_pretrained(tiny / "onnx", "cpu", backend="onnx", precision="float16")


def test_devices(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert Inpainter.from_pretrained(tiny / "onnx", "auto", backend="onnx").device.type == "cpu"
    for device, said in (("cuda", "onnxruntime-gpu"), ("mps", "use auto or cpu"), ("abacus", "unknown")):
        with pytest.raises(InputError, match=said):
            Inpainter.from_pretrained(tiny / "onnx", device, backend="onnx")


def test_missing_packages_name_the_extra(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"exegan\[onnx\]"):
        export_onnx(tiny / "torch", tmp_path / "out")
    load_onnx(tiny / "onnx")  # needs the runtime alone
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"exegan\[onnx\]"):
        load_onnx(tiny / "onnx")
    assert not list(tmp_path.iterdir())


def test_difference_is_measured(tiny: Path) -> None:
    model, exported = load_model(tiny / "torch"), load_onnx(tiny / "onnx")
    assert max(measure_difference(model, exported).values()) < 1e-4
    noise = model.generator.conv4.noise_const
    noise += 1
    found = measure_difference(model, exported)
    assert found["style_encoder"] < 1e-4
    assert found["generator"] > 1e-2
    noise.fill_(torch.nan)
    assert np.isnan(measure_difference(model, exported)["generator"]), "NaN is not the smaller of two numbers"


def export_tinys_graphs(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, whatever model is exported, the tiny model's graphs are what comes out."""

    def write(model: Model, path: Path) -> None:
        path.write_bytes((tiny / "onnx" / path.name).read_bytes())

    monkeypatch.setattr(onnx_export, "write_style_encoder", write)
    monkeypatch.setattr(onnx_export, "write_generator", write)


@pytest.mark.parametrize(("value", "said"), [(0.01, "differs from PyTorch"), (torch.nan, "not finite")])
def test_a_graph_that_differs_is_not_written(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float, said: str
) -> None:
    export_tinys_graphs(tiny, monkeypatch)
    model = tiny_model()
    report = export_onnx(save_model(model, tmp_path / "same", {}), tmp_path / "out")
    assert max(report["difference"].values()) < 1e-4
    model.generator.conv4.bias += value
    save_model(model, tmp_path / "other", {})
    with pytest.raises(WeightsError, match=said):
        export_onnx(tmp_path / "other", tmp_path / "deep/within/out2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out", "same"]


def test_other_peoples_folders_are_left_alone(onnx: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/generator.onnx").write_text("mine")
    (onnx / "notes.txt").write_text("mine")
    save_model(tiny_model(), tmp_path / "torch", {})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for name, said in (
        ("file", "expected a folder"),
        ("file/out", "expected a folder"),
        ("foreign", "something else"),
        ("torch", r"something else \(model.safetensors\)"),
        ("onnx", r"something else \(notes.txt\)"),
        ("x" * 300, "cannot be written"),
    ):
        with pytest.raises(InputError, match=said):
            export_onnx(tiny / "torch", tmp_path / name)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_large_graphs_keep_their_weights_beside_them(onnx: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the exporter does by itself above 2 GB.
    save = torch.onnx.ONNXProgram.save
    monkeypatch.setattr(torch.onnx.ONNXProgram, "save", functools.partialmethod(save, external_data=True))
    export_onnx(tiny / "torch", onnx)
    assert (onnx / "generator.onnx.data").is_file()
    assert_same_pictures(tiny / "torch", onnx, 3)
    damage(onnx / "generator.onnx.data")
    with pytest.raises(WeightsError, match=r"generator\.onnx\.data is not the file"):
        load_onnx(onnx)
    monkeypatch.undo()
    export_tinys_graphs(tiny, monkeypatch)
    export_onnx(tiny / "torch", onnx)
    assert sorted(path.name for path in onnx.iterdir()) == ["config.json", "generator.onnx", "style_encoder.onnx"]
    load_onnx(onnx)
