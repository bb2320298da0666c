"""The kernel base: clock, memory, tasks, timers, virtual CPUs, synchronisation, boot."""
