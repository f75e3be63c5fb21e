"""Engines beside the warehouse's own: the same SELECTs, run over a lake, with the same answers row for row."""
