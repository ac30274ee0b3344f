"""All that relies on Gradio's insides instead of its documented interface, each with its reason.

A new version of Gradio may break any of these, so `pyproject.toml` bounds the version to those that they were tested
with, and `tests/web/test_gradio_patches.py` has a test for each, by its name.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import gradio as gr
from gradio.data_classes import FileData, GradioRootModel
from pydantic import ValidationInfo, model_validator
from starlette._utils import get_route_path
from starlette.types import Scope

# Routes

API_ROUTE = "/gradio_api/"
FILE_ROUTE = API_ROUTE + "file="
ENTRY_ROUTES = ("/", "/config", "/config/", "/login", "/login/")
"""What a browser or a program asks for first, and is given its cookie with."""

SERVED_ROUTES = re.compile(
    r"/((config|login|logout|theme\.css|favicon\.ico|robots\.txt)/?|(assets|static)/.*"
    r"|gradio_api/(file=.*|(upload|upload_progress|queue/(join|data|status)|call/.*|cancel|reset|heartbeat/[^/]+"
    r"|info|openapi\.json|user|login_check|token|app_id|startup-events|theme\.css)/?))?",
    re.DOTALL,
)
"""All routes that the page and `/inpaint` need; Gradio has many more (recording, proxying, calls beside the queue), and
no option that closes them."""

UNKNOWN_ENDPOINT_ERRORS = (TypeError, KeyError)
"""What Gradio raises, instead of answering with status 400, for endpoints and parameters that do not exist."""

QUEUE_FULL_STATUS = 503
"""Gradio's response where the queue is full; its text does not say what to do."""


def route_path(scope: Scope) -> str:
    """Path of a request below the page's root path.

    The router's own function, though it is private: what the guard checks must be what the router goes by.
    """
    return get_route_path(scope) or "/"


# Values that events are called with: files that programs send. Gradio's API page shows the docstrings of these two.
class Upload(FileData):
    """A picture file."""

    @model_validator(mode="before")
    @classmethod
    def validate_model(cls, value: Any, info: ValidationInfo) -> Any:
        """Replaces Gradio's check: whatever is no upload gets an empty path, which `api` refuses in a sentence."""
        meta = value.get("meta") if isinstance(value, dict) else None
        # Gradio makes sure that a file is an upload, no other file of this machine, where it is marked as one.
        is_upload = isinstance(meta, dict) and meta.get("_type") == "gradio.FileData"
        return value if is_upload and isinstance(value.get("path"), str) else {"path": ""}


class Uploads(GradioRootModel):
    """Several picture files, or one."""

    root: list[Upload]

    @model_validator(mode="before")
    @classmethod
    def listed(cls, value: Any) -> Any:
        """One file is a list of one."""
        return value if isinstance(value, list) else [value]


def make_upload(label: str, example_name: str, file_count: Literal["single", "multiple"] = "single") -> gr.File:
    """A file input of the endpoint for programs.

    Gradio's own responds to whatever is no upload with a validation error of pydantic, and its API page shows a PDF.

    Args:
        label: What the API page says it is.
        example_name: Its name in the API page's examples.
        file_count: Whether several files may be given.
    """
    file = gr.File(label=label, file_count=file_count)
    file.data_model = Upload if file_count == "single" else Uploads
    example = {"path": example_name, "url": example_name, "meta": {"_type": "gradio.FileData"}}
    file.example_payload = lambda: example if file_count == "single" else [example]  # type: ignore[method-assign]
    return file


# Looks of Gradio's own elements, which have no option

CSS_OVERRIDES = """
/* After an error its message says it; a badge would hide what is there. */
#status [data-testid="status-tracker"]:has(.error) { display: none; }
"""
