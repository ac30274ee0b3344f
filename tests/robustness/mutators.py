"""Sound files to start from, and seeded ways to damage them: bytes, pictures, JSON, EXIF, pickles.

Everything random comes from the `random.Random` handed in, so that a seed gives the same case everywhere.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

import cv2
import numpy as np
from helpers import made_photo
from PIL import Image, ImageCms, PngImagePlugin

from exegan.io import FORMATS

SIZE = 47, 33  # of the pictures, wide and high; numbers that are easily found in a file's header
NUMBERS = (0, 1, 2, 3, 7, 8, 255, 256, 4096, 32767, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
TEXTS = ("", " ", "x" * 5000, "\0", "\ud800", "é\u2028\u0085", "../../up", "/", "C:\\a", "%s{0}$HOME", "nan", "-1", "١")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'


def damaged(data: bytes, random: Random, most: int = 4) -> bytes:
    """A few random changes of a file's bytes."""
    changed = bytearray(data)
    for _ in range(random.randint(1, most)):
        _change(changed, random)
    return bytes(changed)


def _change(data: bytearray, random: Random) -> None:
    # Half of all changes near the beginning, where headers are.
    end = len(data) if random.random() < 0.5 else min(len(data), 200)
    place = random.randrange(end + 1)
    length = random.choice((1, 1, 2, 4, 16, 300))
    kind = random.randrange(7)
    if kind == 0:
        del data[place:]
    elif kind == 1:
        del data[place : place + length]
    elif kind == 2:
        data[place:place] = random.randbytes(length)
    elif kind == 3:
        data[place : place + length] = random.choice((b"\0", b"\xff")) * length
    elif kind == 4:
        number = random.choice(NUMBERS)
        data[place : place + 4] = number.to_bytes(4, random.choice(("little", "big")))
    elif kind == 5:
        data[place:place] = data[place : place + length]
    else:
        for spot in random.choices(range(len(data)), k=length) if data else ():
            data[spot] = random.randrange(256)


def spotted(data: bytes, random: Random) -> bytes:
    """Many changed bytes far from both ends, where what a file is about lies."""
    changed = bytearray(data)
    for place in random.choices(range(len(data) // 4, 3 * len(data) // 4), k=random.choice((1, 20, 2000))):
        changed[place] = random.randrange(256)
    return bytes(changed)


@lru_cache(1)
def sound_pictures() -> dict[str, bytes]:
    """A small picture in every format, mode and depth that photos come in, and in formats that they do not come in."""
    rgb = made_photo(1).resize(SIZE)
    alpha = rgb.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(SIZE))
    deep = np.asarray(rgb).astype(np.uint16) * 257
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    modes = {mode: rgb.convert(mode) for mode in ("1", "L", "P", "CMYK", "I", "F", "YCbCr")}
    modes |= {"RGB": rgb, "RGBA": alpha, "LA": alpha.convert("LA"), "I;16": Image.fromarray(deep[..., 0])}
    wanted: list[tuple[str, str, dict[str, Any]]] = [
        *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        ("PNG", "RGB", {"pnginfo": text, "icc_profile": profile, "dpi": (300, 300), "exif": _plain_exif()}),
        ("PNG", "P", {"transparency": 3}),
        *(("JPEG", mode, {}) for mode in ("L", "RGB", "CMYK")),
        ("JPEG", "RGB", {"progressive": True, "icc_profile": profile, "xmp": XMP, "exif": _plain_exif()}),
        ("MPO", "RGB", {"save_all": True, "append_images": [rgb]}),
        ("WEBP", "RGB", {"exif": _plain_exif(), "xmp": XMP}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGB", {"save_all": True, "append_images": [rgb.rotate(90)]}),
        *(("BMP", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")),
        *(("TIFF", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")),
        *(("TIFF", "RGB", {"compression": kind}) for kind in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
        ("TIFF", "RGB", {"exif": _plain_exif(), "icc_profile": profile, "dpi": (72, 72)}),
        ("TIFF", "RGB", {"save_all": True, "append_images": [rgb]}),
        *((name, "RGB", {"exif": _plain_exif()}) for name in ("AVIF", "HEIF") if name in FORMATS.values()),
        *((name, "RGB", {}) for name in ("GIF", "PPM", "TGA", "PCX", "ICO", "JPEG2000", "SGI", "IM", "EPS", "DDS")),
    ]
    made = {}
    for number, (kind, mode, options) in enumerate(wanted):
        file = io.BytesIO()
        modes[mode].save(file, kind, **options)
        made[f"{kind.lower()}-{mode}-{number}"] = file.getvalue()
    for kind, channels in (("png", 3), ("png", 4), ("tiff", 3)):
        colours = np.dstack([deep, deep[..., :1]]) if channels == 4 else deep
        made[f"{kind}-deep-{channels}"] = bytes(cv2.imencode(f".{kind}", colours)[1])
    return made


def _plain_exif() -> Image.Exif:
    """What a camera writes: maker, orientation, settings, place."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "A camera", 6
    exif.get_ifd(0x8769).update({0x829A: (1, 125), 0x9003: "2020:01:01 00:00:00", 0x927C: b"maker\0note"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.5), 3: "E", 4: (11.0, 30.0, 0.0)})
    return exif


def make_exif(random: Random) -> bytes:
    """An EXIF block whose entries are of random tags, types and lengths, partly pointing nowhere."""
    order = random.choice("<>")
    tags = (0x0100, 0x010E, 0x010F, 0x0112, 0x011A, 0x0132, 0x013B, 0x8298, 0x02BC, 0x8769, 0x8825, 0xA005, 0x927C)
    tags += (0x829A, 0x9000, 0x9003, 0x9286, 0xA002, 0xA432, 0x0000, 0x0002, 0x0004, 0x001D, 0x9C9B, 0xC4A5, 0xFFFF)
    block = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8))
    for _ in range(random.randint(1, 3)):  # directories
        count = random.randint(0, 6)
        after = len(block) + 2 + 12 * count + 4
        block += struct.pack(order + "H", count)
        for _ in range(count):
            values = random.choice((1, 1, 2, 3, 8, random.choice(NUMBERS)))
            where = random.choice((8, after, random.randrange(1, 400), random.choice(NUMBERS)))
            block += struct.pack(order + "HHII", random.choice(tags), random.randint(0, 14), values, where)
        block += struct.pack(order + "I", random.choice((0, 8, after)))
        block += random.randbytes(random.choice((0, 0, 24)))
    return b"Exif\0\0" + bytes(block)


def make_picture(random: Random) -> tuple[str, bytes]:
    """Name and content of a picture file, damaged in most cases, whose extension may lie."""
    name, data = random.choice(list(sound_pictures().items()))
    way = random.randrange(10)
    if way == 0:
        name, data = "jpeg-exif", _with_exif(random)
    elif way == 1:
        data = _resized_header(data, random)
    elif way == 2:
        data = data[: random.randrange(len(data))] + random.choice(list(sound_pictures().values()))
    elif way > 3:
        data = damaged(data, random)
    if data[:4] == b"\x89PNG" and random.random() < 0.7:
        data = _with_checksums(data)
    kind = name.split("-")[0].upper()
    own = [suffix for suffix, of in FORMATS.items() if of == kind]
    suffix = random.choice(own) if own and random.random() < 0.9 else random.choice([*FORMATS, "", ".JPG", ".txt"])
    return f"photo{suffix}", data


def _with_exif(random: Random) -> bytes:
    file = io.BytesIO()
    kind = random.choice(("JPEG", "JPEG", "PNG", "WEBP"))
    made_photo(1).resize(SIZE).save(file, kind, exif=make_exif(random))
    return file.getvalue()


def _resized_header(data: bytes, random: Random) -> bytes:
    """The picture with another width or height in its header, up to absurd ones."""
    sides = (1, 46, 34, 1000, 9000, 16000, 30000, 65535, 2**20, 2**31 - 1, 2**32 - 1, 0)
    for side, packing in ((side, f"{order}{size}") for side in SIZE for order in "<>" for size in "HI"):
        if random.random() < 0.6:
            place = data.find(struct.pack(packing, side))
            if place >= 0:
                most = 2 ** (8 * struct.calcsize(packing)) - 1
                new = struct.pack(packing, min(random.choice(sides), most))
                data = data[:place] + new + data[place + len(new) :]
    return data


def _with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the right checksums, so that the damage is looked at."""
    fixed, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        body = data[place + 4 : place + 8 + length]
        fixed += data[place : place + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        place += 12 + length
    return bytes(fixed) + data[place:]


def make_value(random: Random) -> Any:
    """What nobody expects in a document: values of other types, of absurd size or depth."""
    deep: Any = []
    for _ in range(random.choice((3, 50, 400))):
        deep = [deep] if random.random() < 0.5 else {"a": deep}
    numbers = [random.choice(NUMBERS), -1, -0.5, 0.5, 1e308, float("inf"), float("nan"), 10**40, 10**400, -(10**30)]
    return random.choice([None, True, False, [], {}, [[]], [1, "2"], {"": 0}, deep, *numbers, *TEXTS])


def changed_document(document: Any, random: Random, value: Callable[[Random], Any] = make_value) -> Any:
    """A copy of a JSON document with one thing in it replaced, left out, added or repeated."""
    if not isinstance(document, dict | list) or not document or random.random() < 0.05:
        return value(random)
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = random.choice(keys)
    copy = dict(document) if isinstance(document, dict) else list(document)
    way = random.random()
    if way < 0.65 and isinstance(document[key], dict | list):
        copy[key] = changed_document(document[key], random, value)
    elif way < 0.8:
        copy[key] = value(random)
    elif way < 0.9:
        del copy[key]
    elif isinstance(copy, dict):
        copy[random.choice((*TEXTS, *map(str, keys)))] = value(random)
    else:
        copy.insert(key, value(random))
    return copy


def damaged_json(document: Any, random: Random) -> bytes:
    """A JSON document, changed as a document, as text, or both."""
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        document = changed_document(document, random)
    text = spelled(document, random)
    if random.random() < 0.05:
        return text.decode("utf-8", errors="replace").encode("utf-16")
    return damaged(text, random, 2) if random.random() < 0.25 else text


def spelled(document: Any, random: Random) -> bytes:
    """JSON with or without escapes, numbers beyond all as constants or as digits."""
    text = json.dumps(document, ensure_ascii=random.random() < 0.5)
    text = text.replace("Infinity", "1e999") if random.random() < 0.3 else text
    return text.encode("utf-8", errors="surrogatepass")


def hostile_pickle(random: Random, canary: str) -> bytes:
    """A pickle that would write the file `canary` if anything in it were executed, or that ties knots."""
    call = f"open({canary!r}, 'w').close()".encode()
    names = [b"os\nsystem", b"builtins\nexec", b"builtins\neval", b"subprocess\ncall", b"torch\nload", b"numpy\nload"]
    names += [
        b"torch._utils\n_rebuild_tensor_v2",
        b"argparse\nNamespace",
        b"collections\nOrderedDict",
        b"functools\npartial",
    ]
    name = random.choice(names)
    argument = f"touch {canary}".encode() if b"os" in name or b"subprocess" in name else call
    text = b"X" + struct.pack("<I", len(argument)) + argument
    body = [
        b"c" + name + b"\n" + text + b"\x85R.",
        b"(" + text + b"i" + name + b"\n.",
        b"}(X\x0a\x00\x00\x00state_dictc" + name + b"\n" + text + b"\x85Ru.",
        b"c" + name + b"\n)\x81" + text + b"b.",
        b"](h\x00e." if random.random() < 0.5 else b"]q\x00(h\x00e.",
        b"(" * random.choice((5, 5000)) + b"l" * 5 + b".",
        b"\x8a\xff" + random.randbytes(255) + b".",
    ]
    return b"\x80\x02" + random.choice(body)
