"""Clients that speak the Socket.IO v5 protocol over Engine.IO 4: polling, and websocket."""
