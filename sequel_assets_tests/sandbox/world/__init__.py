"""Tests of the sandbox's world."""
