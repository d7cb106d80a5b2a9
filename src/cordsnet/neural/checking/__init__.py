"""What a recording holds, and what looks wrong in it."""
