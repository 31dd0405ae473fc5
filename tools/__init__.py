"""Generators of documents: `catalogue` (exported files), `gallery` (images), `command_line`."""
