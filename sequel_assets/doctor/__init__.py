"""First contact: how does Sequel answer this account? Asks a few things, and says what is different and what it means.

For whoever connects an account. `judging/` decides (pure), the modules here ask. It only reads at Sequel, except for
the one subscription that `--webhooks` creates and deletes, within a fixed number of requests. No finding has a name, an
e-mail address or a word that Sequel answered.
"""
