"""`python -m exegan`."""

from exegan.cli import main

if __name__ == "__main__":
    main()
