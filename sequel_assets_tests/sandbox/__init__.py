"""The sandbox, tested over a real socket."""
