"""Differentiable operations without parameters."""
