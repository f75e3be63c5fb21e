"""What is done about webhook notifications in the inbox. It decides and refreshes; it receives nothing."""
