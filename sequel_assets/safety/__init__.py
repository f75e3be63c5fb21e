"""Safe output and files: foreign text is shown without terminal controls, new files are private to their owner.

The lowest room: it imports nothing of the package.
"""
