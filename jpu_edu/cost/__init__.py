"""Floor 1: what a network costs. Read macs, activations, receptive, timing; dry holds what the first two share."""
