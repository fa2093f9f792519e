"""What stands around the four pages of the lesson, so that these are mathematics alone."""
