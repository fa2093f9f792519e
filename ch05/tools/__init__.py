"""What the scripts need beside the chapter: options, a progress bar, what they say at the end."""
