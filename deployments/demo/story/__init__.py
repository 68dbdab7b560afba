"""The demo's stages, in the order of the tale: peace, attack, answer, effect, end."""
