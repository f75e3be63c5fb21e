"""Replaces slices: rows and bookkeeping in one transaction, pure decisions, checksums."""
