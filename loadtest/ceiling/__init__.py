"""How far one machine goes: sockets with real tokens and rooms, on as many whole pods as it takes."""
