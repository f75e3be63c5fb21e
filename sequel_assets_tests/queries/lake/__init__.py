"""Questions to a lake."""
