"""Which runs a study consists of, and which train side by side."""
