"""Scripts of the Makefile: generators of pages in docs/, the audit of packages. The package never imports them."""
