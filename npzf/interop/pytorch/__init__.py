"""PyTorch modules into nets of the house, and back; no part of the paper."""
