"""The doctor against other Sequels, and what its findings mean."""
