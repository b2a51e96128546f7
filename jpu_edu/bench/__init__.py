"""Floor 5: measurements of this machine. Read conv first; each file is one subcommand of `python -m jpu_edu bench`."""
