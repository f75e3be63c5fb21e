"""The benchmarks: `python -m bench [name ...]` prints the table of each.

A benchmark is a module in one of the rooms. The first line of its docstring is the title, `HEADINGS` are the columns,
and `run()` yields the rows. Benchmarks measure; they never change the package or an existing warehouse.
"""
