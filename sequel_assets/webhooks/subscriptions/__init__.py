"""Keeping the webhook subscriptions at Sequel as they are desired."""
