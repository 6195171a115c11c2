"""``python -m infra.checks``: exit code 0 when all properties hold, else 1 after the report."""

from __future__ import annotations

import sys

from infra.checks.report import findings, report
from infra.checks.sources import Sources


def main() -> int:
    """Check the files of this repository."""
    found = findings(Sources())
    sys.stdout.write(report(found) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
