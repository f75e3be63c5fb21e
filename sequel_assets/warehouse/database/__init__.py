"""The warehouse's database: opening it, transactions, errors, bulk writes and long lists of values."""
