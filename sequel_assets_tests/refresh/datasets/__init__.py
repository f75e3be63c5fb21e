"""Tests of event details."""
