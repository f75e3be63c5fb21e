"""sequel_assets: Sequel's analytics as Dagster assets, proven and per day and sub-company."""
