"""Questions to an existing warehouse and their answers, for the command line and notebooks alike. It writes nothing."""
