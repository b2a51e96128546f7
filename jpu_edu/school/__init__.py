"""Floor 6: a class with nbgrader, offline. Read sheets, handed, bounded, grade, marks; command has the sequence."""
