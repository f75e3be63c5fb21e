"""From landed rows to insights and roll-ups, and the checks between the two."""
