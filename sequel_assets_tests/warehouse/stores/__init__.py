"""Tests of the bookkeeping tables."""
