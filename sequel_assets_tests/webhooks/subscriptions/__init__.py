"""Tests of the subscription reconciler."""
