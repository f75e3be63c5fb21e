"""Scripts of the Makefile: generators of pages in docs/, the audit of pinned packages. Never imported by the package."""
