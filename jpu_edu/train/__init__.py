"""Floor 4: from a network and a set of images to a trained network. Read loss, schedule, groups, then loop."""
