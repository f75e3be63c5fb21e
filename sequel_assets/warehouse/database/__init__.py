"""The database beneath the warehouse: opening it, transactions, errors, many rows and long lists."""
