"""The sandbox's API: its endpoints, its faults, and controls from outside."""
