"""Every kind of picture file comes in upright and as 8-bit RGB; what is unusable is named; nothing is half written."""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import zlib
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from exegan.errors import ConfigError, InputError, MaskError
from exegan.io import (
    FORMATS,
    check_mask,
    check_output,
    check_picture,
    decode_photo,
    mask_from_image,
    open_photo,
    read_mask,
    read_photo,
    save_photo,
    to_tensor,
    to_uint8,
    upright_rgb,
    write_photo,
)
from exegan.io import decode as decoding

ORIENTATION = 0x0112
# What a camera does to the upright picture before it writes the tag.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def encode(image: Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def decode(image: Image.Image, format_name: str = "PNG", **options: Any) -> NDArray[np.uint8]:
    """Pixels of a picture after a round through a file."""
    photo = decode_photo(encode(image, format_name, **options), "a file")
    assert photo.mode == "RGB"
    return np.asarray(photo)


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


@pytest.mark.parametrize("value", STORED)
@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_every_orientation_gives_the_upright_picture(value: int, format_name: str, pixels: NDArray[np.uint8]) -> None:
    stored = Image.fromarray(np.ascontiguousarray(STORED[value](pixels)))
    np.testing.assert_array_equal(decode(stored, format_name, exif=orientation(value)), pixels)


def test_orientation_is_applied_once(pixels: NDArray[np.uint8]) -> None:
    photo = decode_photo(encode(Image.fromarray(np.rot90(pixels).copy()), exif=orientation(6)), "a file")
    np.testing.assert_array_equal(np.asarray(upright_rgb(photo)), pixels)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG"])
@pytest.mark.parametrize("length", [12, 14, 20, 24])
def test_damaged_exif_is_ignored(format_name: str, length: int, pixels: NDArray[np.uint8]) -> None:
    image = Image.fromarray(pixels)
    for exif in (orientation(6).tobytes()[:length], b"Exif\0\0 no such thing"):
        expected = np.asarray(Image.open(io.BytesIO(encode(image, format_name))))
        np.testing.assert_array_equal(decode(image, format_name, exif=exif), expected)


def test_transparency_is_dropped_and_colour_kept(pixels: NDArray[np.uint8]) -> None:
    alpha = np.arange(54, dtype=np.uint8).reshape(6, 9, 1) * 4
    np.testing.assert_array_equal(decode(Image.fromarray(np.concatenate([pixels, alpha], axis=2))), pixels)
    grey_alpha = np.concatenate([pixels[:, :, :1], alpha], axis=2)
    np.testing.assert_array_equal(decode(Image.fromarray(grey_alpha, "LA")), pixels[:, :, [0, 0, 0]])
    np.testing.assert_array_equal(decode(Image.fromarray(pixels), transparency=tuple(pixels[0, 0].tolist())), pixels)


@pytest.mark.parametrize("transparency", [None, 3, bytes([0, 128] + [255] * 200)])
def test_palette(transparency: int | bytes | None, pixels: NDArray[np.uint8]) -> None:
    image = Image.fromarray(pixels).quantize(64)
    expected = np.asarray(image.convert("RGB"))
    options = {} if transparency is None else {"transparency": transparency}
    np.testing.assert_array_equal(decode(image, **options), expected)


def test_grey_and_black_and_white(pixels: NDArray[np.uint8]) -> None:
    grey = pixels[:, :, 0]
    np.testing.assert_array_equal(decode(Image.fromarray(grey)), grey[:, :, None].repeat(3, axis=2))
    np.testing.assert_array_equal(decode(Image.fromarray(grey >= 128))[:, :, 1], np.where(grey >= 128, 255, 0))


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_grey_of_16_bits(format_name: str) -> None:
    values = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    result = decode(Image.fromarray(values), format_name)
    np.testing.assert_array_equal(result, np.arange(256).reshape(16, 16, 1).repeat(3, axis=2))


def test_numbers_beyond_16_bits_and_floats_are_cut() -> None:
    whole = Image.fromarray(np.array([[-5, 0, 65535, 10**6]], dtype=np.int32))
    assert decode(whole, "TIFF")[0, :, 0].tolist() == [0, 0, 255, 255]
    floats = Image.fromarray(np.array([[-5, 0.0, 100.0, 255, 300]], dtype=np.float32))
    assert decode(floats, "TIFF")[0, :, 0].tolist() == [0, 0, 100, 255, 255]


@pytest.mark.parametrize(("format_name", "tolerance"), [("TIFF", 0), ("JPEG", 12)])
def test_cmyk(format_name: str, tolerance: int) -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [30, 60, 200], [255, 255, 255]]], dtype=np.uint8)
    large = colours.repeat(16, axis=0).repeat(16, axis=1)
    result = decode(Image.fromarray(large).convert("CMYK"), format_name)
    np.testing.assert_allclose(result.astype(int), large, atol=tolerance)


def profile(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "CMYK"])
@pytest.mark.parametrize("broken", [False, True])
def test_srgb_profile_changes_nothing_and_a_broken_one_is_ignored(
    mode: str, broken: bool, pixels: NDArray[np.uint8]
) -> None:
    image = Image.fromarray(pixels).convert(mode)
    icc = b"\0\1broken" * 30 if broken else profile("sRGB")
    np.testing.assert_array_equal(decode(image, "TIFF", icc_profile=icc), np.asarray(image.convert("RGB")))


def test_profile_is_applied(pixels: NDArray[np.uint8]) -> None:
    """The sRGB profile with its red and blue primaries swapped: colours come out with red and blue swapped."""
    icc = profile("sRGB")
    assert icc.count(b"rXYZ") == icc.count(b"bXYZ") == 1
    swapped = icc.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    result = decode(Image.fromarray(pixels), icc_profile=swapped)
    np.testing.assert_allclose(result.astype(int), pixels[:, :, ::-1], atol=2)


def test_path_in_any_script(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = tmp_path / "mañana 写真 – ß.png"
    save_photo(Image.fromarray(pixels), path)
    for given in (path, str(path)):
        np.testing.assert_array_equal(np.asarray(read_photo(given)), pixels)


def test_extension_does_not_matter_for_reading(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(Image.fromarray(pixels)))
    np.testing.assert_array_equal(np.asarray(read_photo(tmp_path / "a.jpg")), pixels)


def test_second_picture_of_a_phone_s_jpeg_is_left_alone(pixels: NDArray[np.uint8]) -> None:
    first = Image.fromarray(pixels)
    data = encode(first, "MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))], quality=95, subsampling=0)
    assert decode_photo(data, "a file").size == first.size
    assert np.abs(np.asarray(decode_photo(data, "a file")).astype(int) - pixels).mean() < 10


def png(width: int, height: int) -> bytes:
    """A PNG of hardly any data, whatever its header claims."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))


PALETTE = NOISE.quantize(256)


def truncated(format_name: str) -> bytes:
    whole = encode(NOISE, format_name)
    return whole[: len(whole) // 2]


def tiff_without_later_widths() -> bytes:
    """Three frames of which only the first has tag 256, the width."""
    width, height = b"\0\1\4\0\1", b"\1\1\4\0\1"
    first, *others = animation("TIFF").split(width)
    return first + width + height.join(others)


def animation(format_name: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    return encode(frames[0], format_name, save_all=True, append_images=frames[1:])


UNUSABLE = {
    "empty": (b"", r"is empty \(0 bytes\), expected a picture"),
    "text": (b"to whom it may concern", r"is not a picture, expected one of \.png, \.jpg"),
    "no size": (png(0, 0), "is not a picture"),
    **{f"truncated {name}": (truncated(name), "is damaged and cannot be decoded") for name in ("PNG", "JPEG", "BMP")},
    **{f"truncated {name}": (truncated(name), "is (damaged|not a picture)") for name in ("WEBP", "TIFF")},
    "TIFF without width": (tiff_without_later_widths(), "is damaged"),
    "GIF with a short control block": (encode(NOISE, "GIF")[:-1] + b"!\xf9\x01\0\0;", "is damaged"),
    **{f"moving {name}": (animation(name), "is an animation of 3 frames") for name in ("GIF", "PNG", "WEBP", "TIFF")},
    "bomb": (png(200_000, 200_000), "has more than 178 megapixels; make it smaller"),
    "largest header": (png(2**31 - 1, 2**31 - 1), "has more than 178 megapixels"),
    "just too large": (png(13_343, 13_343), "has more than 178 megapixels"),
}


@pytest.mark.parametrize("read", [read_photo, read_mask])
@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_file_is_named_in_one_line(case: str, read: Any, tmp_path: Path) -> None:
    data, message = UNUSABLE[case]
    path = tmp_path / "holiday.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
    if read is read_photo:
        with pytest.raises(InputError, match=rf"^faces\.zip:1\.png {message}"):
            decode_photo(data, "faces.zip:1.png")


def damaged_tiff() -> bytes:
    """A TIFF whose second picture has its palette (tag 320) under another number."""
    palette = struct.pack("<HHI", 320, 3, 768)
    first, second, rest = encode(PALETTE, "TIFF", save_all=True, append_images=[PALETTE]).split(palette)
    return first + palette + second + struct.pack("<HHI", 321, 3, 768) + rest


def damaged_avif() -> bytes:
    whole = bytearray(encode(NOISE, "AVIF"))
    whole[whole.index(b"mdat") + 4] ^= 0xFF
    return bytes(whole)


@pytest.mark.parametrize("make", [damaged_tiff, damaged_avif])
def test_what_a_decoder_stumbles_over_is_the_file_s_damage(make: Any, tmp_path: Path) -> None:
    """A KeyError of Pillow's TIFF reader, a RuntimeError of its AVIF reader."""
    (tmp_path / "in.jpg").write_bytes(make())
    for read in (read_photo, read_mask, open_photo):
        with pytest.raises(InputError, match=r"in\.jpg is damaged and cannot be decoded \((Key|Runtime)Error: "):
            read(tmp_path / "in.jpg")


@pytest.mark.parametrize("place", ["open", "load", "convert"])
@pytest.mark.parametrize("error", [RuntimeError("x\ny"), KeyError(320), ZeroDivisionError(), AttributeError("z")])
def test_any_exception_of_a_decoder_becomes_one_sentence(
    error: Exception, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(place, error, monkeypatch)
    (tmp_path / "a.png").write_bytes(encode(Image.new("L", (4, 4))))
    for read in (read_photo, read_mask, open_photo):
        with pytest.raises(InputError, match=r"a\.png is damaged and cannot be decoded \(.*\); get") as caught:
            read(tmp_path / "a.png")
        assert "\n" not in str(caught.value) and caught.value.__cause__ is error
        assert type(error).__name__ in str(caught.value)


@pytest.mark.parametrize("place", ["open", "load", "convert"])
def test_no_memory_is_a_sentence_and_ctrl_c_passes(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(encode(Image.new("L", (4, 4))))
    fail_at(place, MemoryError(), monkeypatch)
    with pytest.raises(InputError, match=r"a\.png is too large for this machine's memory; make it smaller"):
        read_photo(tmp_path / "a.png")
    fail_at(place, KeyboardInterrupt(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        read_photo(tmp_path / "a.png")


def fail_at(place: str, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    if place == "open":
        monkeypatch.setattr(Image, "open", fail)
    elif place == "load":
        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    else:
        monkeypatch.setattr("exegan.io.depth.to_srgb", fail)


def mutated(data: bytes, random: Random) -> bytes:
    """A file with bits turned, pieces cut out, swapped, doubled or overwritten."""
    file = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        at, other = random.randrange(len(file)), random.randrange(len(file))
        length = random.randrange(1, 64)
        match random.randrange(5):
            case 0:
                file[min(at, random.choice((64, 512, at)))] ^= 1 << random.randrange(8)
            case 1:
                del file[max(1, at) :]
            case 2:
                file[at : at + length], file[other : other + length] = (
                    file[other : other + length],
                    file[at : at + length],
                )
            case 3:
                file[at : at + 4] = random.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
            case 4:
                file[at:at] = file[other : other + length]
    return bytes(file)


@pytest.mark.parametrize("format_name", [*dict.fromkeys(FORMATS.values()), "GIF"])
def test_damaged_files_are_read_or_refused(format_name: str, tmp_path: Path) -> None:
    """Each seed makes its file; what is not refused is written in some format, and read again."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 6
    exif[0x8769], exif[0x8825] = {0x829A: 0.01}, {1: "N"}
    small = NOISE.crop((0, 0, 13, 9))
    whole = encode(small, format_name, **({} if format_name in ("GIF", "BMP") else {"exif": exif.tobytes()}))
    file = tmp_path / "in.png"
    for seed in range(40):
        random = Random(seed)
        file.write_bytes(mutated(whole, random))
        output = tmp_path / f"out{random.choice(list(FORMATS))}"
        for use in (read_mask, lambda path, to=output: written(path, to)):
            try:
                use(file)
            except Exception as error:
                if not isinstance(error, InputError) or "\n" in str(error):
                    pytest.fail(f"seed {seed}: {error!r}")


def written(path: Path, output: Path) -> None:
    with path.open("rb") as file:
        check_picture(file, str(path))
    write_photo(open_photo(path), output, xmp=b"<x/>")
    read_photo(output)


def test_a_postscript_file_is_not_given_to_a_program(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(NOISE, "EPS"))
    with pytest.raises(InputError, match=r"a\.png is not a picture"):
        read_photo(tmp_path / "a.png")


@pytest.mark.parametrize("case", UNUSABLE)
def test_headers_tell_what_can_be_known_without_decoding(case: str) -> None:
    data, message = UNUSABLE[case]
    late = ("truncated PNG", "truncated JPEG", "truncated BMP", "truncated WEBP", "truncated TIFF")
    with contextlib.ExitStack() as stack:
        refused = pytest.raises(InputError, match=rf"^a file {message}")
        stack.enter_context(contextlib.suppress(InputError) if case in late else refused)
        check_picture(io.BytesIO(data), "a file")


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the megapixels that are decoded at once."""
    monkeypatch.setattr(decoding._budget, "most", None)
    return lambda megapixels: monkeypatch.setenv("EXEGAN_MAX_MEGAPIXELS", str(megapixels))


def test_larger_pictures_than_are_decoded_at_once_are_refused_by_their_header(most: Any, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(12_000, 10_001))
    limit = (
        r"a\.png has 121 megapixels, more than the 120 that are decoded at once; make it smaller, or allow more with"
    )
    for read in (read_photo, read_mask, open_photo):
        with pytest.raises(InputError, match=rf"{limit} --max-megapixels 121 \(or EXEGAN_MAX_MEGAPIXELS=121\)$"):
            read(tmp_path / "a.png")
    most(121)
    with pytest.raises(InputError, match="is damaged"):  # there are no pixels in it
        read_photo(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(encode(NOISE))
    most(0.004095)
    with pytest.raises(InputError, match=r"has 1 megapixels, more than the 0\.004095 that"):
        read_photo(tmp_path / "a.png")
    most(0.004096)
    assert read_photo(tmp_path / "a.png").size == NOISE.size


@pytest.mark.parametrize("limit", ["many", "0", "-1", "nan", "inf", "179"])
def test_a_limit_that_is_none_is_named(most: Any, limit: str, tmp_path: Path) -> None:
    most(limit)
    (tmp_path / "a.png").write_bytes(encode(NOISE))
    with pytest.raises(ConfigError, match=rf"^EXEGAN_MAX_MEGAPIXELS is '{limit}', expected megapixels, at most 178"):
        read_photo(tmp_path / "a.png")


def test_threads_wait_until_others_have_decoded(most: Any) -> None:
    most(0.006)
    data, done = encode(NOISE), []
    readers = [threading.Thread(target=lambda: done.append(decode_photo(data, "a file"))) for _ in range(3)]
    with decoding._budget.taken(3000, 6000):  # and 4096 more would be too many
        for reader in readers:
            reader.start()
        while not decoding._budget._turn.locked() and any(reader.is_alive() for reader in readers):
            pass  # until the first of them has asked
        assert not done
    for reader in readers:
        reader.join()
    assert len(done) == 3
    with decoding._budget.taken(10**9, 6000):
        pass  # what is larger than all goes alone


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^the picture {tmp_path}/none\.png does not exist; check the path$"):
        read_photo(tmp_path / "none.png")
    with pytest.raises(InputError, match=rf"^{tmp_path} is a folder, expected a picture file$"):
        read_mask(tmp_path)


def test_size_limit_counts_pixels(pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(Image.fromarray(pixels))
    monkeypatch.setattr(decoding, "MAX_PIXELS", 54)
    assert decode_photo(data, "a file").size == (9, 6)
    monkeypatch.setattr(decoding, "MAX_PIXELS", 53)
    with pytest.raises(InputError, match=r"^a file has more than"):
        decode_photo(data, "a file")


def test_pillow_s_own_warning_about_size_is_not_shown(
    pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(Image.fromarray(pixels))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 53)
    assert decode_photo(data, "a file").size == (9, 6)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(InputError, match=r"^a file has more than"):
        decode_photo(data, "a file")


def test_mask_is_what_is_white_from_128_up() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = grey >= 128
    for image in (
        Image.fromarray(grey),
        Image.fromarray(grey).convert("RGB"),
        Image.fromarray(grey).convert("RGBA"),  # opaque all over: colour rules
        Image.fromarray(grey.astype(np.uint16) * 257),
        Image.fromarray(grey).convert("P"),
        Image.fromarray(expected),
    ):
        mask = mask_from_image(image)
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, expected)


def test_mask_painted_on_an_empty_layer_is_what_is_opaque() -> None:
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for colour in (0, 255):
        layer = np.concatenate([np.full((16, 16, 3), colour, np.uint8), alpha[:, :, None]], axis=2)
        np.testing.assert_array_equal(mask_from_image(Image.fromarray(layer)), alpha >= 128)


def test_mask_with_a_transparent_palette_entry() -> None:
    image = Image.fromarray(np.array([[0, 1, 1]], dtype=np.uint8), "P")
    image.putpalette([255, 255, 255, 0, 0, 0])
    for transparency in (0, b"\0\xff"):
        data = encode(image, transparency=transparency)
        assert mask_from_image(Image.open(io.BytesIO(data))).tolist() == [[False, True, True]]
    assert mask_from_image(Image.open(io.BytesIO(encode(image, transparency=b"\xff\xff")))).tolist() == [
        [True, False, False]
    ]


@pytest.mark.parametrize("value", STORED)
@pytest.mark.parametrize("painted_on_a_layer", [False, True])
def test_mask_is_turned_like_the_photo(value: int, painted_on_a_layer: bool, tmp_path: Path) -> None:
    mask = np.zeros((6, 9), dtype=np.uint8)
    mask[1, 2:4] = mask[4, 7] = 255
    channels = np.stack([mask] * 4, axis=2) if painted_on_a_layer else mask
    stored = Image.fromarray(np.ascontiguousarray(STORED[value](channels)))
    (tmp_path / "mask.png").write_bytes(encode(stored, exif=orientation(value)))
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), mask > 0)


def test_mask_of_another_size_or_without_a_hole_is_refused() -> None:
    mask = np.zeros((4, 6), dtype=np.bool_)
    with pytest.raises(MaskError, match=r"^the mask has no hole, expected white"):
        check_mask(mask, (4, 6))
    mask[3, 5] = True
    check_mask(mask, (4, 6))
    with pytest.raises(MaskError, match=r"^the mask is 6x4, expected the photo's 4x6; make it the same size$"):
        check_mask(mask, (6, 4))


def test_all_256_values_survive_the_tensor() -> None:
    array = np.arange(256 * 3, dtype=np.uint32).astype(np.uint8).reshape(8, 32, 3)
    batch = to_tensor(array)
    assert batch.shape == (1, 3, 8, 32) and batch.dtype == torch.float32
    assert (batch.min(), batch.max()) == (-1, 1)
    np.testing.assert_array_equal(to_uint8(batch)[0], array)
    torch.testing.assert_close(batch[0, 1, 2, 3], torch.tensor(array[2, 3, 1] / 127.5 - 1, dtype=torch.float32))
    np.testing.assert_array_equal(to_uint8(batch.double().requires_grad_())[0], array)


def test_lists_of_pictures(pixels: NDArray[np.uint8]) -> None:
    batch = to_tensor([Image.fromarray(pixels), 255 - pixels])
    assert batch.shape == (2, 3, 6, 9)
    torch.testing.assert_close(batch[0], -batch[1], rtol=0, atol=1e-6)
    torch.testing.assert_close(batch[:1], to_tensor(Image.fromarray(pixels)), rtol=0, atol=1e-6)


def test_clamped_and_rounded_to_the_nearest() -> None:
    levels = torch.tensor([-1e9, -1.01, 254.51, 254.49, 0.6, 0.4, 300.0])
    levels[2:6] = levels[2:6] / 127.5 - 1
    assert to_uint8(levels.expand(1, 3, 1, 7))[0, 0, :, 2].tolist() == [0, 0, 255, 254, 1, 0, 255]


@pytest.mark.parametrize("extension", [*FORMATS, ".PNG", ".JpG"])
def test_every_extension_reads_back(extension: str, tmp_path: Path) -> None:
    smooth = np.stack(np.broadcast_arrays(*np.ogrid[40:200:32j, 20:120:32j], 90.0), axis=2).astype(np.uint8)
    path = tmp_path / f"out.v2{extension}"
    save_photo(Image.fromarray(smooth), path)
    with Image.open(path) as image:
        assert image.format == FORMATS[extension.lower()]
    lossy = FORMATS[extension.lower()] in ("JPEG", "AVIF", "HEIF")
    np.testing.assert_allclose(np.asarray(read_photo(path)).astype(int), smooth, atol=6 if lossy else 0)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_quality(tmp_path: Path) -> None:
    for extension in (".jpg", ".webp"):
        sizes = []
        for quality in (20, 95):
            save_photo(NOISE, tmp_path / f"a{extension}", quality)
            sizes.append((tmp_path / f"a{extension}").stat().st_size)
        assert sizes[0] < sizes[1] / 2


@pytest.mark.parametrize("check", [check_output, lambda path: save_photo(NOISE, path)])
def test_unsuitable_output_is_refused(check: Any, tmp_path: Path) -> None:
    (tmp_path / "album.png").mkdir()
    with pytest.raises(InputError, match=r"a\.gif has the extension '\.gif', expected one of \.png, \.jpg"):
        check(tmp_path / "a.gif")
    with pytest.raises(InputError, match=r"/a has the extension '', expected one of"):
        check(tmp_path / "a")
    with pytest.raises(InputError, match=rf"^the output's folder {tmp_path}/none does not exist; make it first$"):
        check(tmp_path / "none" / "a.png")
    with pytest.raises(InputError, match=r"album\.png is a folder, expected a file name in it$"):
        check(tmp_path / "album.png")
    assert [p.name for p in tmp_path.iterdir()] == ["album.png"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError("encoder error -2")])
def test_failed_writing_leaves_everything_as_it_was(
    error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"precious")

    def fail_halfway(_: Image.Image, file: Path, **__: Any) -> None:
        Path(file).write_bytes(b"half")
        raise error

    monkeypatch.setattr(Image.Image, "save", fail_halfway)
    with pytest.raises(InputError, match=rf"^the output {path} cannot be written \({error.strerror or error}\)"):
        save_photo(NOISE, path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.png"]
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize(("extension", "side"), [(".webp", 16_384), (".jpg", 65_536)])
def test_picture_too_large_for_its_format(extension: str, side: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"out\.\w+ cannot be written (as WEBP )?\("):
        save_photo(Image.new("RGB", (side, 1)), tmp_path / f"out{extension}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a" * 300 + ".png", "a\0b.png"])
def test_path_that_no_disk_takes_is_named(name: str, tmp_path: Path) -> None:
    for read in (read_photo, read_mask):
        with pytest.raises(InputError, match=r"cannot be read .*check its name and permissions"):
            read(tmp_path / name)


def test_name_too_long_for_the_temporary_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be written \(File name too long\)"):
        save_photo(NOISE, tmp_path / ("a" * 250 + ".png"))
