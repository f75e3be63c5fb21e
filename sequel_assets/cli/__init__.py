"""The command line: what people type. It only declares commands; each command's work is in `commands/`."""
