"""Webhooks: the receiver, what is done about deliveries, and the subscriptions at Sequel."""
