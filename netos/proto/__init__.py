"""Protocols, sans-IO: bytes and the time go in, bytes and decisions come out."""
