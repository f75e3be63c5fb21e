"""The command line `sequel-assets`. Modules here declare commands; `commands/`, `backfill/` and `demo/` do the work."""
