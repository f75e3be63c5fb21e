"""Tests of the client's transport."""
