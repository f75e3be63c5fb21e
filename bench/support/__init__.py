"""What benchmarks share: a served sandbox, a filled warehouse, a comparison with the truth."""
