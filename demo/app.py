"""Serve the page: `python demo/app.py` is `exegan demo`, with the same options; a hosted Space starts this file."""

import sys

from exegan.cli import main

if __name__ == "__main__":
    main(["demo", *sys.argv[1:]])
