"""Runs ``python -m localcloud.host``."""

import sys

from localcloud.host.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
