"""Every table that is not an insight, each column with its meaning and unit."""
