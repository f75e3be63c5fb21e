"""What `refreshes` says is covered, due, late or frozen."""
