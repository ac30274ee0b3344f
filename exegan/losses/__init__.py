"""The terms of the objective, one a file, and their weighted sum."""
