"""People outside: a client that knows one DNS name and a writer that remembers every acknowledged write.

They run as processes of their own, append JSON lines and know neither catalogs nor the library.
"""
