"""Peer models as one would write them without the package: plain loops over a state dict."""

import functools
import math
import statistics
import time

import torch
from torch.nn import functional as F


def ratio_of_times(ours, theirs, limit, rounds=40):
    """Processor time of `ours` over that of `theirs`: the median over rounds, in each of which both run in turn.

    Rounds stop when the median of at least 5 is within `limit`. A ratio within a round does not see the speed of the
    machine change between rounds, as the ratio of the fastest runs does, and processor time none of the time in which
    other processes have the core.
    """
    ratios = []
    for k in range(rounds):
        times = {}
        for run in (ours, theirs) if k % 2 else (theirs, ours):
            start = time.process_time()
            run()
            times[run] = time.process_time() - start
        ratios.append(times[ours] / times[theirs])
        if len(ratios) >= 5 and statistics.median(ratios) <= limit:
            break
    return statistics.median(ratios)


def cornet_s(weights, repetitions, image, stem_stride=2, training=False):
    """Area -> its iterations, and class scores, of CORnet-S on one frame."""

    def norm(name, maps):
        statistics = (None, None) if training else (weights[f"{name}.running_mean"], weights[f"{name}.running_var"])
        return F.batch_norm(maps, *statistics, weights[f"{name}.weight"], weights[f"{name}.bias"], training=training)

    def conv(name, maps, stride=1):
        kernel = weights[f"{name}.weight"]
        return F.conv2d(maps, kernel, stride=stride, padding=kernel.shape[-1] // 2)

    maps = torch.relu(norm("V1.norm1", conv("V1.conv1", image, stem_stride)))
    maps = torch.relu(norm("V1.norm2", conv("V1.conv2", F.max_pool2d(maps, 3, 2, 1))))
    found = {"V1": [maps]}
    for area, count in zip(("V2", "V4", "IT"), repetitions, strict=True):
        maps, found[area] = conv(f"{area}.conv_input", maps), []
        for t in range(count):
            skip = maps if t else norm(f"{area}.norm_skip", conv(f"{area}.skip", maps, 2))
            inner = torch.relu(norm(f"{area}.norm1_{t}", conv(f"{area}.conv1", maps)))
            inner = torch.relu(norm(f"{area}.norm2_{t}", conv(f"{area}.conv2", inner, 1 if t else 2)))
            maps = torch.relu(norm(f"{area}.norm3_{t}", conv(f"{area}.conv3", inner)) + skip)
            found[area].append(maps)
    scores = F.linear(maps.mean((2, 3)), weights["decoder.linear.weight"], weights["decoder.linear.bias"])
    return found, scores


def convlstm(weights, strides, image, steps, stem_stride=None):
    """Rates and cells of every area after each of `steps` steps, and class scores [T, B, K]."""
    if "stem.weight" in weights:
        kernel = weights["stem.weight"]
        image = F.conv2d(image, kernel, stride=stem_stride, padding=kernel.shape[-1] // 2)
        image = F.avg_pool2d(image, 3, 2, 1)
    rates, cells, scores = [None] * len(strides), [None] * len(strides), []
    recorded = []
    for _ in range(steps):
        maps = image
        for k, stride in enumerate(strides):
            name = f"cells.area{k + 1}"
            kernel, recurrent, bias = (weights[f"{name}.{w}"] for w in ("input.weight", "recurrent.weight", "bias"))
            gates = F.conv2d(maps, kernel, bias, stride=stride, padding=kernel.shape[-1] // 2)
            if rates[k] is None:
                rates[k] = cells[k] = torch.zeros_like(gates[:, : len(bias) // 4])
            gates = gates + F.conv2d(rates[k], recurrent, padding=recurrent.shape[-1] // 2)
            i, f, c, o = gates.chunk(4, 1)
            peephole = weights.get(f"{name}.peephole", torch.zeros(3, 1, 1, 1, dtype=gates.dtype))
            i, f = i + peephole[0] * cells[k], f + peephole[1] * cells[k]
            cells[k] = torch.sigmoid(f) * cells[k] + torch.sigmoid(i) * torch.tanh(c)
            rates[k] = torch.sigmoid(o + peephole[2] * cells[k]) * torch.tanh(cells[k])
            maps = rates[k]
        recorded.append((list(rates), list(cells)))
        scores.append(F.linear(maps.mean((2, 3)), weights["decoder.weight"], weights["decoder.bias"]))
    return recorded, torch.stack(scores)


def discrete_cordsnet(weights, depth, image, steps, training=False, normed=False, last=None, ended=lambda _: False):  # noqa: C901
    """Rates of all areas after each step of a CordsNet with dt = tau, and the scores of the last one."""

    @functools.cache
    def kernel(name):
        gain, direction = (weights[f"wiring.{name}.parametrizations.weight.original{k}"] for k in (0, 1))
        return gain * direction / direction.flatten(1).norm(dim=1).reshape(gain.shape)

    def conv(value, name, stride=1):
        weight = kernel(name)
        return F.conv2d(value, weight, stride=stride, padding=weight.shape[-1] // 2)

    names = [f"area{k}" for k in range(1, depth + 1)]
    x = F.avg_pool2d(conv(image, "stem"), 3, 2, 1)
    skip = conv(x, "links.stem_to_area2")
    sizes, size = [], x.shape[-1]
    for k in range(depth):
        size = math.ceil(size / 2) if k and k % 2 == 0 else size
        sizes.append((len(kernel(f"recurrent.{names[k]}")), size, size))
    r, found = [x.new_zeros(len(image), *shape) for shape in sizes], []
    for t in range(steps):
        new = []
        for k, name in enumerate(names):
            if k == 0:
                u = x
            elif k == 1:
                u = r[0] + skip
            elif k % 2 == 0:
                u = r[k - 1] + r[k - 2]
            else:
                u = r[k - 1] + conv(r[k - 2], f"links.{names[k - 2]}_to_{name}", 2)
            drive = conv(r[k], f"recurrent.{name}") + conv(u, f"feedforward.{name}", 2 if k and k % 2 == 0 else 1)
            if not normed:
                drive = drive + weights[f"bias.{name}"]
            elif t >= k // 2:
                norm = f"norms.{name}.{min(t, last)}"
                known = (None, None) if training else (weights[f"{norm}.running_{s}"] for s in ("mean", "var"))
                drive = F.batch_norm(drive, *known, weights[f"{norm}.weight"], weights[f"{norm}.bias"], training)
            new.append(torch.relu(drive))
        r = new
        found.append(r)
        if ended(found):
            break
    pooled = (r[-1] + r[-2]).mean((2, 3))
    return found, F.linear(pooled, kernel("readout"), weights["wiring.readout.bias"])
