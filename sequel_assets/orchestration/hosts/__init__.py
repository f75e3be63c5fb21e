"""Runs on other hosts: the launcher that hands them to Celery, the worker that executes them, the queue that commands fill."""
