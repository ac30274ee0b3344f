"""Whole photos: which faces are completed, from whom, and that nothing else changes."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import MADE_FACE, MadeDetector, made_photo, make_face
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import InputError, MaskError, NoFaceFound
from exegan.inpainter import Inpainted, Inpainter, Options, Regions, Style, pick_best, read_hole
from exegan.io import to_uint8
from exegan.masks.regions import region_mask

Picture = NDArray[np.uint8]


def hole_over(*faces: int, of: int) -> NDArray[np.bool_]:
    """The middle of these faces of a `made_photo` of so many."""
    mask = np.zeros((MADE_FACE, MADE_FACE * of), dtype=np.bool_)
    for face in faces:
        mask[25:75, MADE_FACE * face + 30 : MADE_FACE * face + 70] = True
    return mask


def spot(x: int, of: int) -> NDArray[np.bool_]:
    """A hole of 6 px at the height of the noses."""
    mask = np.zeros((MADE_FACE, MADE_FACE * of), dtype=np.bool_)
    mask[50:56, x - 3 : x + 3] = True
    return mask


def changed(before: Image.Image, after: Image.Image) -> NDArray[np.bool_]:
    different: NDArray[np.bool_] = (np.asarray(before) != np.asarray(after)).any(axis=2)
    return different


def flat(inpainter: Inpainter, value: float) -> Style:
    config = inpainter.model.config.generator
    return Style(torch.full((config.num_styles, config.w_dim), value), inpainter.model_sha256)


def furthest(a: Image.Image, b: Image.Image) -> int:
    """Largest difference in grey levels."""
    return int(np.abs(np.asarray(a, dtype=np.int16) - np.asarray(b, dtype=np.int16)).max())


def test_only_the_hole_changes(inpainter: Inpainter) -> None:
    photo, mask = made_photo(3), hole_over(1, of=3)
    result = inpainter.inpaint(photo, mask, made_photo(1, 9))
    assert [face.index for face in result.faces] == [1]
    assert not changed(photo, result.image)[~mask].any()
    assert changed(photo, result.image)[mask].mean() > 0.9


def test_auto_completes_every_face_that_the_mask_touches(inpainter: Inpainter) -> None:
    photo, mask = made_photo(3), hole_over(0, 2, of=3)
    result = inpainter.inpaint(photo, mask, made_photo(1, 9))
    assert [face.index for face in result.faces] == [0, 2]
    for face in (0, 2):
        own = hole_over(face, of=3)
        assert changed(photo, result.image)[own].mean() > 0.9
    assert not changed(photo, result.image)[~mask].any()


def test_every_face_has_its_own_exemplar(inpainter: Inpainter) -> None:
    photo, mask = made_photo(3), hole_over(0, 2, of=3)
    a, b = flat(inpainter, 3.0), flat(inpainter, -3.0)
    both = inpainter.inpaint(photo, mask, {0: a, 2: b}).image
    only_a, only_b = (inpainter.inpaint(photo, mask, style).image for style in (a, b))
    left = np.s_[:, :MADE_FACE]
    right = np.s_[:, 2 * MADE_FACE :]
    assert np.array_equal(np.asarray(both)[left], np.asarray(only_a)[left])
    assert np.array_equal(np.asarray(both)[right], np.asarray(only_b)[right])
    assert furthest(only_a, only_b) > 1
    default = inpainter.inpaint(photo, mask, {None: a, 2: b}).image
    assert np.array_equal(np.asarray(default), np.asarray(both))


def test_several_faces_in_one_call_are_those_of_several_calls(inpainter: Inpainter) -> None:
    photo, style = made_photo(3), flat(inpainter, 1.0)
    together = inpainter.inpaint(photo, hole_over(0, 2, of=3), style).image
    apart = photo
    for face in (0, 2):
        apart = inpainter.inpaint(apart, hole_over(face, of=3), style).image
    assert furthest(together, apart) <= 1


def test_a_hole_over_two_faces_is_divided_between_them(inpainter: Inpainter) -> None:
    faces = [make_face(30, 3, 80), make_face(90, 3, 80)]
    inpainter.detector.detect = lambda photo: faces  # type: ignore[method-assign]
    photo = made_photo(2)
    mask = np.zeros((MADE_FACE, 2 * MADE_FACE), dtype=np.bool_)
    mask[30:70, 40:160] = True
    plan = inpainter.plan(photo, mask, {0: flat(inpainter, 2.0), 1: flat(inpainter, -2.0)})
    assert (plan.holes[0] ^ plan.holes[1] == mask).all() and not (plan.holes[0] & plan.holes[1]).any()
    assert plan.holes[0][:, :100].sum() == mask[:, :100].sum(), "each pixel is the nearer face's"
    other = made_photo(2, 5)  # the hole's old content plays no part, not even between the two
    mixed = Image.fromarray(np.where(mask[:, :, None], np.asarray(other), np.asarray(photo)))
    results = [inpainter.inpaint(one, mask, flat(inpainter, 1.0), face="all").image for one in (photo, mixed)]
    assert furthest(*results) <= 1


def test_regions_make_the_hole(inpainter: Inpainter) -> None:
    photo = made_photo(2)
    result = inpainter.inpaint(photo, Regions("mouth"), made_photo(1, 9), face=1)
    rows, columns = np.nonzero(changed(photo, result.image))
    assert rows.min() > 45 and columns.min() > 120
    larger = inpainter.inpaint(photo, Regions("mouth", grow=4), made_photo(1, 9), face=1)
    assert changed(photo, larger.image).sum() > len(rows)


@pytest.mark.parametrize("of_regions", [True, False])
def test_all_else_than_a_hole_leaves_out_faces_that_were_not_chosen(
    inpainter: Inpainter, tmp_path: Path, of_regions: bool
) -> None:
    photo, exemplar = made_photo(3), made_photo(1, 9)
    Image.fromarray(hole_over(1, of=3)).save(tmp_path / "mask.png")
    hole = read_hole(None if of_regions else tmp_path / "mask.png", "mouth" if of_regions else None, invert=True)
    result = inpainter.inpaint(photo, hole, exemplar, face=1)
    columns = np.nonzero(changed(photo, result.image))[1]
    assert 100 <= columns.min() < 110 and 190 < columns.max() < 200
    two = inpainter.plan(photo, hole, exemplar, face="0,1").holes
    assert two.keys() == {0, 1} and not (two[0] | two[1])[:, 200:].any()
    assert inpainter.plan(photo, hole, exemplar, face="all").holes.keys() == {0, 1, 2}


def test_grown_regions_stop_at_faces_that_were_not_chosen(inpainter: Inpainter) -> None:
    photo = made_photo(2)
    (hole,) = inpainter.plan(photo, Regions("face", grow=60), made_photo(1, 9), face=1).holes.values()
    face = region_mask("face", MadeDetector().detect(photo)[0].landmarks5, (MADE_FACE, 2 * MADE_FACE))
    assert not (hole & face).any()
    assert hole[:, :MADE_FACE].any(), "as far as the hole grows between the two"


def test_regions_from_several_exemplars_are_put_over_one_another(inpainter: Inpainter) -> None:
    photo, (a, b) = made_photo(1), (flat(inpainter, 3.0), flat(inpainter, -3.0))
    both = inpainter.inpaint(photo, Regions(None), {"eyes": a, "mouth": b})
    plan = inpainter.plan(photo, Regions("eyes+mouth"), a)
    mouth = inpainter.plan(photo, Regions("mouth"), b)
    made = inpainter.plan(photo, Regions(None), {"eyes": a, "mouth": b}).holes[0]
    assert (plan.holes[0] ^ made).sum() < 10, "the regions together, but for roundings at their rims"
    first = inpainter.inpaint(photo, made, a)
    only_eyes = made & ~mouth.holes[0]
    assert np.array_equal(np.asarray(both.image)[only_eyes], np.asarray(first.image)[only_eyes])
    again = inpainter.inpaint(first.image, Regions("mouth"), b)
    assert furthest(both.image, again.image) <= 1, "the second region sees what the first became"
    assert furthest(both.image, first.image) > 1


def test_a_region_of_one_face_goes_over_the_exemplar_of_all(inpainter: Inpainter) -> None:
    photo, (a, b) = made_photo(2), (flat(inpainter, 3.0), flat(inpainter, -3.0))
    usual = inpainter.inpaint(photo, Regions("face"), a, face="all").image
    special = inpainter.inpaint(photo, Regions("face"), {None: a, (1, "mouth"): b}, face="all").image
    difference = changed(usual, special)
    assert difference.any() and not difference[:, :MADE_FACE].any()


def test_photos_in_a_batch_are_as_each_alone(inpainter: Inpainter) -> None:
    photos = [made_photo(1 + seed % 2, seed, height=MADE_FACE + 10 * seed) for seed in range(5)]
    exemplar = inpainter.make_style(made_photo(1, 9))
    plans = [inpainter.plan(photo, Regions("face"), exemplar, face="all") for photo in photos]
    strengths = [0.2 * k for k in range(5)]
    batch = list(inpainter.run(plans, range(5), strengths=strengths))
    for k, (photo, strength) in enumerate(zip(photos, strengths, strict=True)):
        options = Options(exemplar_strength=strength)
        alone = inpainter.inpaint(photo, Regions("face"), exemplar, face="all", seed=k, options=options)
        assert batch[k].image.tobytes() == alone.image.tobytes()
        assert batch[k].report().keys() == alone.report().keys()
        assert batch[k].faces[0].affine.tolist() == alone.faces[0].affine.tolist()
    assert len({result.image.tobytes() for result in batch}) == 5
    with pytest.raises(InputError, match="2 exemplar strengths for 5 photos"):
        inpainter.run(plans, range(5), strengths=[0.0, 1.0])


def test_aligned_photos_are_taken_as_they_are(inpainter: Inpainter) -> None:
    photo, exemplar = made_photo(0).resize((48, 48)), made_photo(0).resize((16, 16))
    mask = np.zeros((48, 48), dtype=np.bool_)
    mask[10:30, 10:30] = True
    result = inpainter.inpaint(photo, mask, exemplar, aligned=True)
    assert not changed(photo, result.image)[~mask].any() and changed(photo, result.image)[mask].any()
    face = result.report()["faces"][0]
    assert face["box_xyxy"] == [0, 0, 48, 48] and face["detection_score"] is None and face["upscaled"] == 3.0
    assert isinstance(inpainter.detector, MadeDetector) and inpainter.detector.photos_seen == 0
    mouth = changed(photo, inpainter.inpaint(photo, Regions("mouth"), exemplar, aligned=True).image)
    assert mouth[32:40].any() and not mouth[:24].any(), "where mouths are in aligned faces"
    with pytest.raises(InputError, match="expected an aligned square face"):
        inpainter.plan(made_photo(2), hole_over(0, of=2), exemplar, aligned=True)
    with pytest.raises(InputError, match="expected an aligned square face"):
        inpainter.plan(photo, mask, made_photo(2), aligned=True)


def test_a_crop_of_the_models_size_loses_no_pixel_beside_the_hole(
    inpainter: Inpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[torch.Tensor] = []
    exact = inpainter.model.generate

    def watched(image: torch.Tensor, mask: torch.Tensor, *args: Any) -> torch.Tensor:
        shown.extend([image, mask])
        return exact(image, mask, *args)

    monkeypatch.setattr(inpainter.model, "generate", watched)
    photo, mask = made_photo(1).resize((16, 16)), np.zeros((16, 16), dtype=np.bool_)
    mask[4:9, 5:11] = True
    inpainter.inpaint(photo, mask, photo, aligned=True)
    np.testing.assert_array_equal(shown[1][0, 0].numpy() == 1, mask)
    known = np.asarray(photo)[~mask]
    np.testing.assert_array_equal(to_uint8(shown[0])[0][~mask], known)


@pytest.mark.parametrize("blend", [True, False])
@pytest.mark.parametrize("side", [16, 64])
def test_the_hole_has_no_influence_and_the_rest_stays(inpainter: Inpainter, side: int, blend: bool) -> None:
    rng = np.random.default_rng(0)
    picture, other = (rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(2))
    mask = np.zeros((side, side), dtype=np.bool_)
    mask[side // 4 : side // 2, side // 3 : -4] = True

    def completed(pixels: np.ndarray, seed: int = 3) -> np.ndarray:
        options = Options(blend=blend)
        exemplar = flat(inpainter, 1.0)
        photo = Image.fromarray(pixels)
        return np.asarray(inpainter.inpaint(photo, mask, exemplar, aligned=True, seed=seed, options=options).image)

    np.testing.assert_array_equal(completed(np.where(mask[..., None], other, picture)), completed(picture))
    np.testing.assert_array_equal(completed(picture)[~mask], picture[~mask])
    assert (completed(picture, 4) != completed(picture)).any()


def test_a_picture_that_is_not_finite_is_no_result(inpainter: Inpainter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inpainter.model, "generate", lambda image, *_: torch.full_like(image, float("nan")))
    with pytest.raises(InputError, match="is not finite"):
        inpainter.inpaint(made_photo(1), Regions("mouth"), flat(inpainter, 1.0))


def test_however_many_samples_few_photos_are_held(inpainter: Inpainter) -> None:
    plan = inpainter.plan(made_photo(1), Regions("mouth"), made_photo(1, 9))
    alive: weakref.WeakSet[Inpainted] = weakref.WeakSet()
    most = 0
    for result in inpainter.sample(plan, 8):
        alive.add(result)
        most = max(most, len(alive))
    assert most <= 2
    best = pick_best(one for one in inpainter.sample(plan, 8) if not alive.add(one))
    assert len(alive) <= 3 and best in alive


def test_samples_differ_and_can_be_made_again_alone(inpainter: Inpainter) -> None:
    photo, mask = made_photo(1), hole_over(0, of=1)
    plan = inpainter.plan(photo, mask, made_photo(1, 9))
    samples = list(inpainter.sample(plan, 20, seed=7))  # more than go through the networks at once
    assert [sample.seed for sample in samples] == list(range(7, 27))
    assert len({sample.image.tobytes() for sample in samples}) == 20
    assert isinstance(inpainter.detector, MadeDetector)
    assert inpainter.detector.photos_seen == 2, "photo and exemplar, once each"
    for k in (0, 19):
        alone = inpainter.inpaint(photo, mask, made_photo(1, 9), seed=7 + k)
        assert furthest(alone.image, samples[k].image) <= 1


def test_on_a_cpu_the_number_of_samples_does_not_show(inpainter: Inpainter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions of another batch size round otherwise, on some processors; here they err so much that it is seen."""
    exact = inpainter.model.generate

    def rounded(image: torch.Tensor, *args: Any) -> torch.Tensor:
        return exact(image, *args) + 0.1 * len(image)

    monkeypatch.setattr(inpainter.model, "generate", rounded)
    plan = inpainter.plan(made_photo(2), hole_over(0, 1, of=2), made_photo(1, 9))
    (alone,) = inpainter.sample(plan, 1, seed=6)
    assert alone.image.tobytes() == list(inpainter.sample(plan, 3, seed=5))[1].image.tobytes()


def test_options_reach_the_networks(inpainter: Inpainter) -> None:
    photo, mask = made_photo(1), hole_over(0, of=1)
    a, b = flat(inpainter, 3.0), flat(inpainter, -3.0)
    weak = [inpainter.inpaint(photo, mask, s, options=Options(exemplar_strength=0.0)).image for s in (a, b)]
    strong = [inpainter.inpaint(photo, mask, s).image for s in (a, b)]
    assert furthest(*weak) == 0 and furthest(*strong) > 1
    mean = [inpainter.inpaint(photo, mask, a, seed=s, options=Options(truncation_psi=0.0)).image for s in (1, 2)]
    assert furthest(*mean) == 0


def test_the_sweep_goes_from_the_fine_exemplar_to_the_coarse_one(inpainter: Inpainter) -> None:
    photo, (a, b) = made_photo(1), (flat(inpainter, 3.0), flat(inpainter, -3.0))
    plan = inpainter.plan(photo, Regions("face"), a)
    swept = list(inpainter.sweep(plan, a, b, seed=3))
    assert len(swept) == len(a.codes) + 1
    assert furthest(swept[0].image, inpainter.inpaint(photo, Regions("face"), b, seed=3).image) <= 1
    assert furthest(swept[-1].image, inpainter.inpaint(photo, Regions("face"), a, seed=3).image) <= 1
    assert len({one.image.tobytes() for one in swept}) == len(swept)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"photo": made_photo(0), "mask": hole_over(0, of=1)}, NoFaceFound, "no face was found in the photo"),
        ({"mask": np.ones((5, 5), dtype=np.bool_)}, MaskError, "expected the photo's 300x100"),
        ({"mask": hole_over(of=3)}, MaskError, "has no hole"),
        ({"face": "3"}, InputError, "there is no face 3"),
        ({"face": "first"}, InputError, "the face is 'first'"),
        ({"exemplar": {0: made_photo(1)}}, InputError, "for face 0, but the photo shows 3 faces"),
        ({"exemplar": {7: made_photo(1)}}, InputError, "for face 7, but the photo shows 3 faces"),
        ({"exemplar": {0: made_photo(1)}, "face": "all"}, InputError, "face 1 has no exemplar"),
        (
            {"exemplar": {"forehead": made_photo(1)}, "face": 1, "mask": spot(150, of=3)},
            MaskError,
            "the forehead of face 1",
        ),
        ({"exemplar": {None: made_photo(1), "mouth": made_photo(1)}, "mask": spot(150, of=3)}, MaskError, "the mouth"),
        ({"face": 1, "mask": spot(10, of=3)}, MaskError, "does not reach face 1"),
        ({"exemplar": {}}, InputError, "no exemplar"),
        ({"mask": Regions(None)}, MaskError, "there is no hole"),
        ({"mask": Regions("mouth", grow=-50)}, MaskError, "nothing of 'mouth' is left"),
        ({"mask": Regions("mouth", grow=500, invert=True), "face": "all"}, MaskError, "nothing of 'mouth' is left"),
        ({"seed": -1}, InputError, "seed -1"),
        ({"exemplar": made_photo(2)}, InputError, "shows 2 faces"),
    ],
)
def test_bad_input_is_named(
    inpainter: Inpainter, arguments: dict[str, Any], error: type[InputError], said: str
) -> None:
    usual: dict[str, Any] = {"photo": made_photo(3), "mask": hole_over(1, of=3), "exemplar": made_photo(1)}
    with pytest.raises(error, match=said):
        inpainter.inpaint(**(usual | arguments))


def test_unknown_regions_options_and_counts(inpainter: Inpainter) -> None:
    with pytest.raises(MaskError, match="the region 'ears' is unknown"):
        Regions("ears")
    for wrong in ({"exemplar_strength": -0.1}, {"truncation_psi": 3.0}, {"noise_mode": "loud"}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Options(**wrong)  # type: ignore[arg-type]
    plan = inpainter.plan(made_photo(1), hole_over(0, of=1), made_photo(1))
    with pytest.raises(InputError, match="samples is 0"):
        inpainter.sample(plan, 0)
    with pytest.raises(InputError, match="out of range"):
        inpainter.sample(plan, 2, seed=2**63 - 1)
    with pytest.raises(InputError, match="1 seeds for 2 photos"):
        inpainter.run([plan, plan], [1])


def test_a_face_that_is_not_there_is_refused_before_exemplars_are_encoded(inpainter: Inpainter) -> None:
    with pytest.raises(InputError, match="there is no face 7, the photo has 2 faces, numbers 0 to 1"):
        inpainter.plan(made_photo(2), Regions("mouth"), made_photo(0), face="7")  # an exemplar that shows no face
