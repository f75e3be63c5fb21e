"""What a delivery must hold to be accepted."""
