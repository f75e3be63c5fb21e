"""Tests of partitions, schedules, checks and definitions."""
