"""The version alone, so that lower layers can state it without importing the package's front."""

__version__ = "0.1.0"
