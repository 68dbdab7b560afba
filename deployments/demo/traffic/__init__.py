"""Who comes to the shop: customers at home, an office behind one address, and an attacker with a leaked list."""
