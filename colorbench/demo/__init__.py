"""How the embedded clips are made; docs/design/demo.md has the reasons.

Integers all the way (numpy's exact ones, no floating point, no libm), so that every machine makes the same bytes.
"""
