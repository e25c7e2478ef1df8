"""A rolling restart of three pods under thousands of websockets: until all are back, and what the pods bear."""
