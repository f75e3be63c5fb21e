"""Five hours of a real `dagster dev` whose clock runs fast: `make soak`."""
