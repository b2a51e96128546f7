"""Floor 2: from the map y to class scores. Start with fcn, then psp, aspp, enc."""
