"""Tests of what all stages share."""
