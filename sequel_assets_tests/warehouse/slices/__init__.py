"""Tests of replacing slices."""
