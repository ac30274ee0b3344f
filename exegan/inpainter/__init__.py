"""The one pipeline behind the command line, the page and every program: complete masked faces from exemplars.

Two doors: `Inpainter.inpaint` and its relatives take whole photos, `Inpainter.complete` takes aligned tensors.
"""

from exegan.inpainter.averaging import average_styles
from exegan.inpainter.exemplars import Exemplar, ExemplarPhoto
from exegan.inpainter.holes import Hole, Regions, read_hole
from exegan.inpainter.loading import Backend, Device, choose_device
from exegan.inpainter.options import NoiseMode, Options
from exegan.inpainter.pipeline import Inpainter
from exegan.inpainter.plan import Key, Plan
from exegan.inpainter.result import CompletedFace, Inpainted, pick_best, report_samples, write_samples
from exegan.inpainter.scores import Recognizer, make_recognizer
from exegan.inpainter.stages import Prepared, stack_prepared
from exegan.inpainter.styles import Style, check_style_output, load_style, save_style
from exegan.inpainter.writing import write_completed

__all__ = [
    "Backend",
    "CompletedFace",
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
    "Prepared",
    "Recognizer",
    "Regions",
    "Style",
    "average_styles",
    "check_style_output",
    "choose_device",
    "load_style",
    "make_recognizer",
    "pick_best",
    "read_hole",
    "report_samples",
    "save_style",
    "stack_prepared",
    "write_completed",
    "write_samples",
]
