"""Recordings that were published in forms of their own."""
