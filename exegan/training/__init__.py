"""Training with Lightning; nothing outside this package imports it."""
