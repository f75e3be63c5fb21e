"""`sequel-assets backfill`: real Dagster runs, companies side by side."""
