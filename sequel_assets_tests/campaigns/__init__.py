"""What takes longer than `make test`: `make campaigns`."""
