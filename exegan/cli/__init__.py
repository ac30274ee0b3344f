"""The `exegan` command: commands parse their arguments, make one library call and print a line or JSON.

Heavy imports live inside the commands, so that `exegan --help` is instant.
"""

from exegan.cli.app import main

__all__ = ["main"]
