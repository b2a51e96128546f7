"""Floor 2: from the five maps of a backbone to the one map y that a head reads. Start with jpu."""
