"""One resumable pass over a set of images (figure 2 takes the whole validation set)."""
