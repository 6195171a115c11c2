"""``python -m devtools``: what ``./dev`` runs once the environment is there."""

import sys

from devtools.cli import main

sys.exit(main(sys.argv[1:]))
