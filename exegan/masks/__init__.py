"""Training holes, and the weight maps made from a mask."""
