"""Webhooks in chaos: a receiver and a daemon that are killed at random while deliveries come twice, late, in bursts or never."""
