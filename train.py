"""Train a model: `python train.py fit --config tiny64 --data.path FACES`, the same as `exegan train fit ...`."""

import sys

from exegan.training.cli import main

if __name__ == "__main__":
    sys.exit(main())
