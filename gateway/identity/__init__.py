"""Who signs in, with what, and how strongly: sessions, passkeys, codes, links, an identity provider's word."""
