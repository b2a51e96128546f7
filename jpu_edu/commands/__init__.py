"""Floor 7: `python -m jpu_edu`, one file a command: its options, the one call it makes, what it prints."""
