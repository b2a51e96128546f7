"""Floor 3: backbone, neck and head put together. Start with segmenter, then build."""
