"""Points, lines, rings and cycles that a flow settles onto, by three witnesses that do not know of one another."""
