"""What operates a running appliance: the control protocol and its server, counters, metrics."""
