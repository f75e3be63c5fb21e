"""sequel_assets: Sequel's analytics as Dagster assets, verified, by day and sub-company."""
