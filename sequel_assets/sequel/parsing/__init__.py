"""From bytes to typed values, within bounds and believing nothing."""
