"""Replacing slices: one transaction for rows and bookkeeping, pure decisions, checksums."""
