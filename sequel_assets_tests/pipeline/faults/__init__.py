"""What goes wrong: faults at random places, and the hand-picked ones."""
