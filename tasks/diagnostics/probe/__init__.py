"""What diagnostics reach the network with. Everything goes through the guard."""
