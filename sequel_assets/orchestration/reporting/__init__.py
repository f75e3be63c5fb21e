"""What Dagster shows of a dataset and of a refreshed slice. Nothing here refreshes."""
