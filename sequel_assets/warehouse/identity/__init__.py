"""What a warehouse was made with, and taking over one that an older release filled."""
