"""Floor 0: pure functions on tensors. Read phases, convs, chains, solve; then interp and compare."""
