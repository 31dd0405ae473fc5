"""One model a file: its paper, its constructor, its objective."""
