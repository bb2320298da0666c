"""netos: a library operating system for network functions."""
