"""Survivors of the mutation run that no test can or should kill, each with the reason."""

REASONS: dict[str, str] = {}
