"""Put a run's model into the package in half precision: `python scripts/bundle_model.py runs/lite64/model`."""

from __future__ import annotations

import argparse
from pathlib import Path

from exegan.nets.checkpoint import find_model, load_model, read_description, save_model

DEFAULT = Path(__file__).resolve().parents[1] / "exegan" / "models" / "default"


def main() -> None:
    """Read, halve, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="model folder of a run")
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT, help="model folder in the package")
    options = parser.parse_args()
    training = read_description(find_model(options.model))["training"]
    save_model(load_model(options.model), options.output, training, half=True)
    print(f"wrote {options.output} ({sum(p.stat().st_size for p in options.output.iterdir()) / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
