"""Tests of the Dagster assets, through Dagster itself against the sandbox."""
