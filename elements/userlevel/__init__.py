"""Elements that only make sense in a process of an operating system: control sockets."""
