"""What a warehouse was created with (account, key, rule of person ids), and upgrading the ids of an older release."""
