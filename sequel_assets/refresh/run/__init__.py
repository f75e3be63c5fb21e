"""A refresh of many companies, and that of one: which stage comes when."""
