"""The jobs, when they run, and which runs an hour needs."""
