"""What is reported about a result: scores, notes, JSON, sheets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import MADE_FACE, made_photo, tiny_recognition_net
from PIL import Image

from exegan.errors import InputError, WeightsError
from exegan.inpainter import Inpainter, Recognizer, Regions, load_style, make_recognizer, pick_best, save_style
from exegan.inpainter.output import ContactSheet, sweep_sheet
from exegan.inpainter.result import score, similarity

FACE_KEYS = {
    "index",
    "box_xyxy",
    "detection_score",
    "affine",
    "upscaled",
    "sharpness",
    "hole_outside_crop",
    "crop_outside_photo",
    "seam",
    "identity_to_exemplar",
    "identity_to_photo",
    "seconds",
}


@pytest.fixture
def knowing(inpainter: Inpainter) -> Inpainter:
    """The same with a recognition network."""
    inpainter.recognizer = Recognizer(tiny_recognition_net, torch.device("cpu"))
    return inpainter


def test_the_report_is_json_with_all_facts_of_every_face(inpainter: Inpainter) -> None:
    result = inpainter.inpaint(made_photo(2), Regions("mouth"), made_photo(1), face="all", seed=5)
    report = json.loads(json.dumps(result.report()))
    assert report["seed"] == 5
    assert set(report["seconds"]) == {"detect", "encode_exemplar", "align", "generate", "paste", "measure"}
    assert [face["index"] for face in report["faces"]] == [0, 1]
    for face in report["faces"]:
        assert set(face) == FACE_KEYS
        assert len(face["box_xyxy"]) == 4 and np.shape(face["affine"]) == (2, 3)
        assert face["identity_to_exemplar"] is None and face["identity_to_photo"] is None
        assert face["seam"] > 0 and face["upscaled"] == 8.0  # a crop of 128 px, networks of 16
        assert set(face["seconds"]) == {"align", "generate", "paste"}


def test_notes_say_what_a_person_should_know(inpainter: Inpainter) -> None:
    photo = made_photo(2)
    mask = np.ones((MADE_FACE, 2 * MADE_FACE), dtype=np.bool_)
    one = inpainter.inpaint(photo, mask, made_photo(1), face=0)
    assert "will look soft: the face is 8.0 times larger than the model's picture" in one.notes()
    assert any("of the hole lies outside the face crop" in note for note in one.notes())
    assert any("of the face crop lies outside the photo" in note for note in one.notes())
    both = inpainter.inpaint(photo, mask, made_photo(1))
    assert all(note.startswith(("face 0: ", "face 1: ")) for note in both.notes())


def test_identities_are_measured_where_they_can_be(knowing: Inpainter, tmp_path: Path) -> None:
    photo, exemplar = made_photo(1), made_photo(1, 9)
    style = knowing.make_style(exemplar)
    result = knowing.inpaint(photo, Regions("face"), style)
    (face,) = result.faces
    views = [(np.asarray(picture), face.face) for picture in (result.image, photo, exemplar)]
    now, before, wanted = Recognizer(tiny_recognition_net, torch.device("cpu")).embed(views)
    assert face.identity_to_exemplar == pytest.approx(float(now @ wanted), abs=1e-6)
    assert face.identity_to_photo == pytest.approx(float(now @ before), abs=1e-6)
    save_style(style, tmp_path / "a.safetensors")
    (face,) = knowing.inpaint(photo, Regions("face"), load_style(tmp_path / "a.safetensors")).faces
    assert face.identity_to_exemplar is None and face.identity_to_photo is not None


def test_similarity_is_the_mean_cosine() -> None:
    one = torch.tensor([1.0, 0.0])
    assert similarity(one, [torch.tensor([[1.0, 0.0], [0.0, 1.0]])]) == 0.5
    assert similarity(one, [torch.tensor([[1.0, 0.0]]), None]) is None
    assert similarity(one, []) is None


def test_the_score_is_the_mean_of_identity_seam_and_sharpness() -> None:
    assert score(None, 1.0, 1.0) == score(None, 0.5, 1.0) == 1.0
    assert score(None, 2.0, 1.0) == 0.75
    assert score(None, 1.0, 0.5) == score(None, 1.0, 2.0) == 0.75, "too soft and too sharp"
    assert score(0.3, 1.0, 0.5) == pytest.approx(0.6)
    assert score(0.6, 2.0, 1.0) > score(0.5, 2.0, 1.0) > score(0.5, 3.0, 1.0) > score(0.5, 3.0, 0.5)


def test_the_best_is_the_one_with_the_highest_score(knowing: Inpainter) -> None:
    plan = knowing.plan(made_photo(1), Regions("face"), made_photo(1, 9))
    samples = list(knowing.sample(plan, 6))
    scores = [sample.score for sample in samples]
    assert len(set(scores)) > 1
    assert pick_best(samples) is samples[scores.index(max(scores))]
    with pytest.raises(InputError, match="nothing to pick from"):
        pick_best([])


def test_recognition_networks_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'vgg19' is unknown; use facenet, arcface-resnet101, mobilefacenet"):
        make_recognizer("vgg19=a.safetensors", torch.device("cpu"))
    with pytest.raises(WeightsError, match="does not exist"):
        make_recognizer(f"mobilefacenet={tmp_path}/none.safetensors", torch.device("cpu"))


def test_sheets_show_every_face_and_sample(inpainter: Inpainter) -> None:
    plan = inpainter.plan(made_photo(2), Regions("mouth"), made_photo(1), face="all")
    thumbnails = ContactSheet(plan, cell=64)
    for result in inpainter.sample(plan, 3):
        thumbnails.add(result)
    sheet = thumbnails.picture()
    assert sheet.size == (4 * 72 + 8, 2 * 100 + 8), "a row a face: the hole and three samples"
    cells = [np.asarray(sheet)[8:72, 8 + 72 * k : 72 + 72 * k] for k in range(4)]
    assert (cells[0] == 255).all(axis=2).mean() > 0.02, "the hole is white"
    assert len({cell.tobytes() for cell in cells}) == 4
    style = inpainter.make_style(made_photo(1, 3))
    swept = inpainter.sweep(plan, style, inpainter.make_style(made_photo(1, 4)))
    assert isinstance(sweep_sheet(plan, swept, cell=64), Image.Image)
