"""IPv4: checks, routing, classification, fragmentation."""
