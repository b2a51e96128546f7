"""Floor 1: what goes in. Photographs, scenes made by rule, labelled sets on disk, and batches of them."""
