"""Sequel's endpoints, a module for each group: request bodies, and the models of the responses."""
