"""Where the project and its package are, whatever folder a test stands in."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]
"""The folder that a clone makes: README, docs, Makefile."""
PACKAGE = PROJECT / "sequel_assets"
"""The package's own folder."""
