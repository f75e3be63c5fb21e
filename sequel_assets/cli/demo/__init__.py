"""`sequel-assets demo`: a synthetic world, a backfill, a webhook, tables, Dagster's UI."""
