"""What stands in deploy/: Compose, systemd units, Dockerfile and their environment files."""
