"""The work of the commands, a module per command; `cli/app.py` and its neighbours only declare them."""
