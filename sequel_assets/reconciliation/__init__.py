"""The daily reconciliation: are the minutes kept here still those that Sequel answers?"""
