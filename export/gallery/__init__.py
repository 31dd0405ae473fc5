"""Pictures of every model: what goes in, the code, what comes out; and walks between codes."""
