"""The networks; they know nothing of training."""
