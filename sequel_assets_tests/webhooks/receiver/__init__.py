"""Tests of the web apps."""
