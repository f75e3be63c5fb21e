"""Tests of the database beneath the warehouse."""
