"""What the command line does, a module per command; `cli.py` only declares the commands."""
