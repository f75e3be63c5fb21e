"""Small charts as Markdown, beside a slice's figures."""
