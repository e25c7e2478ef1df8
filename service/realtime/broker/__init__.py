"""Rooms shared between pods: what goes into a room on one pod comes out on every pod that holds a member."""
