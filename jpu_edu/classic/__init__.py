"""Floor 1: joint upsampling before networks learned it. Read bilateral, then box, then guided."""
