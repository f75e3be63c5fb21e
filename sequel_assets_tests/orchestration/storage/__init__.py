"""Tests of what uses Dagster's storage."""
