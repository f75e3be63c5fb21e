"""`sequel-assets backfill`: real Dagster runs, one per company, several companies in parallel processes."""
