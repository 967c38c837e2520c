"""Runs the real kernel files on the CPU: README.md says how, and what it cannot see."""
