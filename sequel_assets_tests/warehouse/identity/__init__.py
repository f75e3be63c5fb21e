"""Tests of a warehouse's identity."""
