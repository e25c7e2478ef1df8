"""What lets a session go on where it broke off, on any pod."""
