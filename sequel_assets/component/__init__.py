"""The platform as a component of a Dagster project: its YAML, its scaffolder, and the definitions that it lists."""
