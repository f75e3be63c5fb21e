"""Alerts: what is sent to the owner, once, and when it is well again."""
