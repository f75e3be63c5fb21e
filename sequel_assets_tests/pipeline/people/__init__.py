"""From a sandbox into both databases: who is who."""
