"""Top-ups: asked for, paid through a provider, credited once, invoiced."""
