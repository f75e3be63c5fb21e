"""What keeps foreign text and made files harmless: text is shown and never obeyed, files are their owner's."""
