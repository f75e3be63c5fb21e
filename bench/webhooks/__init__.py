"""Benchmarks of webhooks: the receiver alone, and a delivery on its way to its slice."""
