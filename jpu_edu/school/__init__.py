"""Floor 6: a class with nbgrader, offline. Read sheets, handed, bounded, grade; command has the whole sequence."""
