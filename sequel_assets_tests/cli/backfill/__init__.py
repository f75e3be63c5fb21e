"""Tests of `sequel_assets.cli.backfill`."""
