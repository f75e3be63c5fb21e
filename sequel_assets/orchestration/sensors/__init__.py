"""Sensors: new companies, and webhook notifications in the inbox."""
