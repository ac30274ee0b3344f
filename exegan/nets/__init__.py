"""The networks; nothing here depends on training."""
