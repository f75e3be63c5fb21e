"""Tests of the client's calls."""
