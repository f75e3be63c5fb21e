"""The benchmarks: each a module whose `run()` yields the rows of a table; `python -m bench [name ...]` prints them."""
