"""The one pipeline behind the command line, batches, the page and every program: complete faces from exemplars."""

from exegan.faces.exemplars import Key
from exegan.inpainter.inpainter import Inpainter
from exegan.inpainter.loading import Backend, Device, Recognizer, choose_device, describe_model, make_recognizer
from exegan.inpainter.output import ContactSheet, report_samples, sweep_sheet, write_samples
from exegan.inpainter.plan import Plan
from exegan.inpainter.result import CompletedFace, Inpainted, pick_best, write_completed
from exegan.inpainter.run import Clock
from exegan.inpainter.style import (
    Exemplar,
    ExemplarPhoto,
    Style,
    average_styles,
    check_style_output,
    load_style,
    save_style,
)
from exegan.inpainter.tensors import NoiseMode, Options
from exegan.masks.hole import Hole, Regions, read_hole

__all__ = [
    "Backend",
    "Clock",
    "CompletedFace",
    "ContactSheet",
    "Device",
    "Exemplar",
    "ExemplarPhoto",
    "Hole",
    "Inpainted",
    "Inpainter",
    "Key",
    "NoiseMode",
    "Options",
    "Plan",
    "Recognizer",
    "Regions",
    "Style",
    "average_styles",
    "check_style_output",
    "choose_device",
    "describe_model",
    "load_style",
    "make_recognizer",
    "pick_best",
    "read_hole",
    "report_samples",
    "save_style",
    "sweep_sheet",
    "write_completed",
    "write_samples",
]
