"""Floor 1: what the parts pass to one another (features), and the blocks that they share."""
