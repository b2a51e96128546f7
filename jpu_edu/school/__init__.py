"""Floor 6: a class with nbgrader, offline. Read sheets, collect, bounded, grade; command has the whole sequence."""
