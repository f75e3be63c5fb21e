"""Everything that imports Dagster: assets, partitions, jobs, schedules, sensors, checks, alerts and its storage."""
