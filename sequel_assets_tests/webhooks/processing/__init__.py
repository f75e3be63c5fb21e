"""Tests of what is done about notifications."""
