"""What the compact variants of several methods have in common; no method lies here."""
