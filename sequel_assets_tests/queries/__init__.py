"""Tests of `queries/`: what notebooks get."""
