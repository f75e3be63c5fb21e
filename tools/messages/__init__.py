"""docs/messages.md: every message that the software can print, collected from the syntax tree, each under its kind."""
