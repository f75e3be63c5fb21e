"""The stage that these tests play on."""

from sequel_assets_tests.support.stage import stage

__all__ = ["stage"]
