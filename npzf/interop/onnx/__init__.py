"""ONNX models into nets of the house, and back; no part of the paper."""
