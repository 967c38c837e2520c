"""Training (section 3)."""
