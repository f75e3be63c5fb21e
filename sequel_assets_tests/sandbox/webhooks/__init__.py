"""Tests of the sandbox's webhooks."""
