"""The Click language: text in, a flat graph out, every complaint a diagnostic."""
