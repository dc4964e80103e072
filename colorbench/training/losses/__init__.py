"""Losses that several networks are trained with; each file is a term."""
