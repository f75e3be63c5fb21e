"""The client against Sequel as it is documented, and as it may misbehave."""
