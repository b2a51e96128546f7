"""Floor 1: how good a segmentation is. A matrix of counts, and every number that is read off it."""
