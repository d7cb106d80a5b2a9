"""Parts that all forms share: facts, bins, trials and counts of spikes."""
