"""Nobody gets out: people are planted wherever Sequel can say something, and every byte that is written is looked through."""
