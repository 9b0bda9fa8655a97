"""The demo: a masked call between two simulated phones on this machine alone, which then checks its own promises."""
