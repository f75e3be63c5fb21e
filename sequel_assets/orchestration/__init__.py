"""Partitions, jobs, schedules, checks and resources: when the assets are refreshed, and how it is known that they are right."""
