"""Which picture files there are, and what each can hold."""

from __future__ import annotations

from PIL import features

# Just below the size at which Pillow itself refuses to decode.
MAX_PIXELS = 178_000_000
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
if features.check("avif"):  # Pillow from 11.3 on
    FORMATS[".avif"] = "AVIF"
try:
    from pillow_heif import register_heif_opener
except ImportError:  # optional
    HAS_HEIF = False
else:
    register_heif_opener()
    FORMATS |= {".heic": "HEIF", ".heif": "HEIF"}
    HAS_HEIF = True

WITH_ALPHA = ("PNG", "WEBP", "TIFF", "AVIF", "HEIF")
WITH_XMP = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "HEIF")
WITH_QUALITY = ("JPEG", "WEBP", "AVIF", "HEIF")
