"""Generators of documents: `catalogue` (the table of exported files) and `gallery` (pictures)."""
