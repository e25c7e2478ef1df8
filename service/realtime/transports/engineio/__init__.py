"""Engine.IO v4 on uvicorn: one small object per connection, shared timers, one write for many messages.

Nothing here knows Socket.IO. What travels inside is a *frame*: one finished websocket frame, as bytes, which is written
to any number of websockets as it is, and from which the packet for a polling client is cut.
"""
