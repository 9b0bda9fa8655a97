"""Agents: the line on which they are dialled, over loopback, and the browsers that answer."""
