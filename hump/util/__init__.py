"""Small things that every part needs, one of each."""
