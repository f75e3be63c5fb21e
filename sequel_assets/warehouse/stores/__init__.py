"""Reading and writing the bookkeeping tables, a module for each subject."""
