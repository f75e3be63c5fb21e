"""From a sandbox into both databases: companies and events."""
