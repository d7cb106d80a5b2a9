"""Signals that a closed rule makes, so that numbers of other code can be stored without them."""

import numpy as np


def sines(trials, times, size, phase):
    """Smooth signals [trials, times, size] that all differ."""
    trial, time, unit = np.ogrid[:trials, :times, :size]
    course = np.sin(0.26 * (unit + 1) * (time + 3 * trial + phase) + 1.3 * unit)
    return course + 0.2 * np.cos(trial * unit + phase)


def example(size, extra, neurons):
    """True latents, inferred ones with `extra` dimensions of their own, rates and counts, of two sets of trials."""
    found = {}
    mixing = np.sin(0.61 * np.arange(size * (size + extra)) ** 2 + 1.0).reshape(size, size + extra)
    readout = np.cos(0.37 * np.arange((size + extra) * neurons) ** 2).reshape(size + extra, neurons)
    readout[-1] *= 0.2  # a latent that the rates hardly show
    for name, phase in (("train", 0.0), ("test", 2.5)):
        true = sines(6, 15, size, phase)
        own = sines(6, 15, size + extra, phase + 11.0)
        inferred = true @ mixing + 0.4 * own + 0.3
        rates = np.exp(0.3 * inferred @ readout / size - 1.0)
        counts = np.arange(rates.size).reshape(rates.shape) * 7919 % 5 // 2
        found |= {f"true_{name}": true, f"inferred_{name}": inferred, f"rates_{name}": rates, f"counts_{name}": counts}
    return found


SIZES = {"plain": (3, 0, 12), "invented": (2, 3, 10)}
