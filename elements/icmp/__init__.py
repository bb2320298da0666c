"""ICMP: errors and echo."""
