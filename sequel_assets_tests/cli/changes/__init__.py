"""Days that change after they were stored: how the commands show them, and who decides."""
