"""Elements that know no protocol: sources, sinks, queues, schedulers, switches, scripts."""
