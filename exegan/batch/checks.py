"""What can be known of inputs without decoding them: whether they are there and begin like pictures."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, UnidentifiedImageError

from exegan.batch import files
from exegan.batch.plan import Item, Problem
from exegan.images import MAX_PIXELS
from exegan.inpainter.styles import STYLE_SUFFIX


def check_inputs(items: Sequence[Item]) -> list[Problem]:
    """What is wrong with the files of each item."""
    known: dict[str, str] = {}
    problems = []
    for item in items:
        for path in item.job.inputs.values():
            if path not in known:
                known[path] = _problem_of(path)
            if known[path]:
                problems.append(Problem(item.output, known[path]))
    return problems


def _problem_of(path: str) -> str:
    """One sentence, or nothing."""
    if not files.exists(path):
        return f"{path} does not exist; check the path"
    if path.endswith(STYLE_SUFFIX):
        return ""  # a saved style, whose model has to be known before anything can be said of it
    try:
        with files.opened(path) as file, Image.open(file) as picture:
            pixels = picture.width * picture.height
    except UnidentifiedImageError:
        return f"{path} is not a picture or is cut short; get the file again"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"{path} cannot be read ({error}); get the file again"
    if pixels > MAX_PIXELS:
        return f"{path} has more than {MAX_PIXELS // 10**6} megapixels; make it smaller first"
    return ""
