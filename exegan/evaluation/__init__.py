"""Evaluation that others can repeat: frozen masks, frozen pairs, metrics with intervals, tables, picture sheets."""
