"""Measures of completed pictures: one metric, one file, all behind `exegan.metrics.base.Metric`."""
