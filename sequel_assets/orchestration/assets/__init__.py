"""DAGSTER, thin: specs made from the datasets, and the ops that refresh them and report."""
