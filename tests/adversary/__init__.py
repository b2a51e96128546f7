"""What becomes of malformed calls, hostile files and killed trainings: `python -m tests.adversary`."""
