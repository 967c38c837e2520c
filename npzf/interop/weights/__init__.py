"""Files of weights, of whatever program, into nets of the house, and back; no part of the paper."""
