"""Live calls' audio, streamed to WebSocket servers of the organisations' own."""
