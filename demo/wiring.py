"""What happens when something on the page is touched. Nothing of this can be called as an API."""

from __future__ import annotations

import random

import gradio as gr
from events import LARGEST_SEED, light
from hole_events import connect_hole
from photo_events import connect_offers, connect_photo
from run_events import connect_result, connect_run
from steps import ExemplarStep, PhotoStep, ResultStep
from visit_events import connect_visits

from exegan.inpainter import Inpainter


def connect(
    inpainter: Inpainter, page: gr.Blocks, photo: PhotoStep, exemplar: ExemplarStep, result: ResultStep
) -> None:
    """Connect the components of the three steps, within `page`."""
    opened, samples = gr.State(None), gr.State([])
    connect_photo(inpainter, photo, opened)
    strokes = connect_hole(photo, opened)
    offered = connect_offers(inpainter, photo, exemplar, opened)
    connect_run(inpainter, photo, exemplar, result, opened, samples, offered)
    connect_result(inpainter, photo, result, opened, samples)
    connect_visits(page, photo, exemplar, result, opened, strokes, samples)
    exemplar.dice.click(lambda: random.randint(0, LARGEST_SEED), None, exemplar.seed, **light())
