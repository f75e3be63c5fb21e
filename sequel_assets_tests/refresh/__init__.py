"""THE WORK: planning, proving, placing, each on its own."""
