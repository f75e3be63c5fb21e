"""From a sandbox into both databases: event details and rosters."""
