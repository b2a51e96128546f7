"""Floor 6: what the notebooks let you touch. Read predict and quiz; then frames, stepper, split_conv_merge."""
