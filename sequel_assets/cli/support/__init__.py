"""What the commands share: arguments, terminal, signals, files."""
