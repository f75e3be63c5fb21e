"""What the answers to the doctor's questions mean. Pure: no requests, no clock."""
