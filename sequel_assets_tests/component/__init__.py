"""Tests of the component: its names, its YAML, and two instances in one Dagster."""
