"""Shared by the commands: arguments, terminal output, signals, files, the warehouse, Dagster's home."""
