"""Floor 6: what the notebooks let you touch. Read predict and quiz; page and ruler; frames and stepper."""
