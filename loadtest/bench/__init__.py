"""The benchmark: our socket core, stock python-socketio, Node's socket.io and a floor in C, on the same work.

Every server runs alone on one core; the load client and all else run on another. Load goes to 127.0.0.1 alone.
"""
