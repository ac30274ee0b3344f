"""Reading, checking and writing pictures, and the only place that converts between 8-bit RGB and tensors.

Outside: PIL pictures, RGB, upright, 8 bits a channel, and masks as bool [H, W], True = hole.
Inside: float32 BCHW RGB in [-1, 1].
"""

from exegan.io.arrays import Picture, check_mask, mask_from_image, read_mask, to_tensor, to_uint8
from exegan.io.decode import FORMATS, MAX_MEGAPIXELS, MAX_PIXELS, check_picture, limit_pixels
from exegan.io.depth import upright_rgb
from exegan.io.photo import Photo, decode_photo, open_photo, read_photo
from exegan.io.saving import check_output, most_xmp, save_photo, write_photo

__all__ = [
    "FORMATS",
    "MAX_MEGAPIXELS",
    "MAX_PIXELS",
    "Photo",
    "Picture",
    "check_mask",
    "check_output",
    "check_picture",
    "decode_photo",
    "limit_pixels",
    "mask_from_image",
    "most_xmp",
    "open_photo",
    "read_mask",
    "read_photo",
    "save_photo",
    "to_tensor",
    "to_uint8",
    "upright_rgb",
    "write_photo",
]
