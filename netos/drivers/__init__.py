"""Devices: where packets enter and leave an appliance."""
