"""Holes: drawn at random for training, over parts of a face, grown and inverted."""
