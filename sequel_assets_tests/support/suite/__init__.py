"""How the tests run: how many, in which order, and what a process makes once."""
