"""Asset checks: each reads the warehouse and names the slices that are wrong."""
