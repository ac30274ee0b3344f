"""Metrics of completed images, a file for each kind, all behind `exegan.metrics.base.Metric`."""
