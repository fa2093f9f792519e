"""What stands behind the scripts and the pictures: options, a progress bar, figures."""
