"""Which companies and events there are, and to which company each event belongs."""
