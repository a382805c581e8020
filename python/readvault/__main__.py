"""`python -m readvault`: the same as the command `readvault`."""

import sys

from readvault.cli import main

if __name__ == "__main__":
    sys.exit(main())
