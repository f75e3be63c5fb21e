"""Event details and rosters: activity, interactions, registrants, hubs' people and rooms."""
