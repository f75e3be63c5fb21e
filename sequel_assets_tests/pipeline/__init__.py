"""From a sandbox over a real socket into both databases, against the one reference."""
