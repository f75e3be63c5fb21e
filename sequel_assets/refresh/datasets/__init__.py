"""One declaration for each dataset that is landed beside the minutes: its words, what it is requested of, and its fetch."""
