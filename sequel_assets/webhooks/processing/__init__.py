"""What is done about the notifications in the inbox. It decides and refreshes; it receives nothing."""
