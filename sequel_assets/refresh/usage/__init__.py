"""The minutes: which days have any, fetching and verifying them, loading them."""
