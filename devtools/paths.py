"""Where things are: the repository, and the default data folder of the local stack."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_DATA = ROOT / ".localcloud"
LIBRARY = ROOT / "samples" / "library"


def shown(path: Path) -> str:
    """The path as a person in the current folder would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
