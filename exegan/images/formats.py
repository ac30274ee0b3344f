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
if "avif" in features.get_supported_modules():  # Pillow from 11.3 on; asked by name, older ones warn
    FORMATS[".avif"] = "AVIF"
try:
    from pillow_heif import register_heif_opener
except ImportError:  # optional
    HAS_HEIF = False
else:
    register_heif_opener()
    FORMATS |= {".heic": "HEIF", ".heif": "HEIF"}
    HAS_HEIF = True

DECODED = (*dict.fromkeys(FORMATS.values()), "GIF", "PPM", "JPEG2000")
"""What is read, by Pillow's names. Its other decoders are left alone: that of EPS starts a program on the file."""

WITH_ALPHA = ("PNG", "WEBP", "TIFF", "AVIF", "HEIF")
WITH_XMP = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "HEIF")
WITH_QUALITY = ("JPEG", "WEBP", "AVIF", "HEIF")
