"""A lake: what is written of it, what is renewed, and what is refused."""
