"""How far the design goes: what was measured, fitted, checked, and projected to sizes that nobody has here."""
