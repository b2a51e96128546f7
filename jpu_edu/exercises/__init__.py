"""Floor 6: checks that answer a wrong result with the hint for that mistake. Read attempt, verdict, task; then e01."""
