"""Tests of what keeps foreign text and made files harmless."""
