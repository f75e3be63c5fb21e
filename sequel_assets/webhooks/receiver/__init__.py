"""The small web apps: the receiver of webhooks."""
