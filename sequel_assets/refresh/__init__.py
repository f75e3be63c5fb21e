"""THE WORK: plan what to ask, fetch and prove a slice, commit it, derive its insights. Ties API, memory and meaning; no Dagster."""
