"""Test calls: the whole way of a call, over loopback, between parties that are simulated."""
