"""The netos command, one module a verb."""
