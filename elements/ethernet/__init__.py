"""Ethernet and ARP."""
