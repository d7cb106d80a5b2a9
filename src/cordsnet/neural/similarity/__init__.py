"""Representational similarity in time: dissimilarities, their agreement, and alignments of two populations."""
