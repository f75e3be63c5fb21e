"""Benchmarks of a refresh: requests, seconds and memory, from Sequel to the tables."""
