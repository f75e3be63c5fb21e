"""Alerts: one message when a check or job turns red, and one when it is well again."""
