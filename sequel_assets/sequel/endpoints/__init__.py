"""Sequel's endpoints, a module for each group: what is sent, and the models of what comes back."""
