"""What all events of the page share: who may call them, how many run at once, how errors are told."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from pictures import OpenedPhoto

from exegan.errors import ExeGanError

MODEL_EVENTS = "model"  # events that run the networks share this, so that they take turns
LIGHT_EVENTS = "light"
LARGEST_SEED = 2**32 - 1


def light() -> dict[str, Any]:
    """Options of events that cost little."""
    return {
        "api_visibility": "private",
        "show_progress": "hidden",
        "concurrency_id": LIGHT_EVENTS,
        "concurrency_limit": 8,
    }


def heavy() -> dict[str, Any]:
    """Options of events that run the networks."""
    return {"api_visibility": "private", "concurrency_id": MODEL_EVENTS, "concurrency_limit": 1}


@contextmanager
def told() -> Iterator[None]:
    """Errors of the library as the page says them; the toast renders HTML, which a name must not be taken for."""
    try:
        yield
    except ExeGanError as error:
        text = html.escape(str(error), quote=False).rstrip(".")
        raise gr.Error(f"{text[0].upper()}{text[1:]}.", print_exception=False) from error


def needed(one: OpenedPhoto | None) -> OpenedPhoto:
    """The photo, or a sentence that there is none."""
    if one is None:
        raise gr.Error("There is no photo yet; drop one into step 1.", print_exception=False)
    return one
