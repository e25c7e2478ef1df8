"""Event -> messages. Pure: no IO, no clock, no state."""
