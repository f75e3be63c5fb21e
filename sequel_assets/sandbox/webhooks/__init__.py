"""The sandbox's webhooks: subscriptions, what is delivered when, and what goes wrong."""
