"""Tests of what the client reads and refuses."""
