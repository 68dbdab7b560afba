"""Identity providers behind one port: what is asked of them, over HTTPS, between transactions."""
