"""The synthetic world: what is true in it, and how it is generated and changed."""
