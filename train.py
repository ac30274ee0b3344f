"""Train a model: `python train.py fit --config configs/NAME.yaml`."""

import sys

from exegan.training.cli import main

if __name__ == "__main__":
    sys.exit(main())
