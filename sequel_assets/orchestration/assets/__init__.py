"""The assets: specs made from the datasets, and thin ops that refresh them and report."""
