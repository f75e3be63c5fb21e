"""Refreshes slices: discovers events, plans requests, fetches and verifies, loads, and derives insights. No Dagster."""
