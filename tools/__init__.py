"""Scripts of make: the generated pages, the audit."""
