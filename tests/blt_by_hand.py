"""The four definitions of BLT networks as one would write them without the package: plain loops over a state dict.

Each returns a list with area -> rates for every step, and the scores of every step.
"""

import torch
from torch.nn import functional as F


def _conv(weights, name, maps, stride=1):
    kernel = weights[f"{name}.weight"]
    return F.conv2d(maps, kernel, weights.get(f"{name}.bias"), stride, kernel.shape[-1] // 2)


def _up(weights, name, maps):
    kernel = weights[f"{name}.weight"]
    return F.conv_transpose2d(maps, kernel, weights.get(f"{name}.bias"), 2, kernel.shape[-1] // 2, 1)


def _linear(weights, vector):
    return F.linear(vector, weights["decoder.weight"], weights.get("decoder.bias"))


def ccn23(weights, image, steps, modulatory=False, v1_recurrent=False):
    names, found, scores = ("V1", "V2", "V4", "IT"), [], []
    retina, old = torch.relu(_conv(weights, "retina", image)), {}

    def rate(area, heard):
        below, *others = heard
        if others:
            below = below * (1 + sum(others)) if modulatory else below + sum(others)
        scale = weights[f"{area.lower()}_ln.weight"]
        return torch.relu(F.layer_norm(below, scale.shape, scale, weights[f"{area.lower()}_ln.bias"]))

    for _ in range(steps):
        new, maps = {}, retina
        for k, area in enumerate(names):
            heard = [_conv(weights, f"{area.lower()}.bottom_up", F.max_pool2d(maps, 2) if k else maps)]
            if old and (k or v1_recurrent):
                if f"{area.lower()}.lateral.weight" in weights:
                    heard.append(_conv(weights, f"{area.lower()}.lateral", old[area]))
                if f"{area.lower()}.top_down.weight" in weights:
                    heard.append(_up(weights, f"{area.lower()}.top_down", old[names[k + 1]]))
            maps = new[area] = rate(area, heard)
        heard = [maps.mean((2, 3))]
        if old and "gap.lateral.weight" in weights:
            heard.append(F.linear(old["GAP"], weights["gap.lateral.weight"]))
        new["GAP"] = rate("GAP", heard)
        found.append(new)
        scores.append(_linear(weights, new["GAP"]).softmax(1).clamp(1e-10, 1).log())
        old = new
    return found, scores


def rcnnsat(weights, image, steps, depth=1, cumulative=False, training=False):
    count = sum(name.endswith("bottom_up.weight") for name in weights)
    found, scores, old = [], [], {}
    first = _conv(weights, "area1.bottom_up", image)
    for t in range(steps):
        new, maps = {}, None
        for k in range(count):
            area = f"area{k + 1}"
            if k:
                maps = maps if k % depth else F.max_pool2d(maps, 2)
            z = _conv(weights, f"{area}.bottom_up", maps) if k else first
            if old and f"{area}.lateral.weight" in weights:
                z = z + _conv(weights, f"{area}.lateral", old[area])
            last = min(t, sum(name.startswith("area1.norm_") and name.endswith(".weight") for name in weights) - 1)
            norm = {key: weights.get(f"{area}.norm_{last}.{key}") for key in ("weight", "bias")}
            seen = [None if training else weights[f"{area}.norm_{last}.running_{key}"] for key in ("mean", "var")]
            maps = new[area] = torch.relu(F.batch_norm(z, *seen, **norm, training=training, eps=1e-3))
        found.append(new)
        now = _linear(weights, maps.mean((2, 3)))
        scores.append(now + scores[-1] if cumulative and scores else now)
        old = new
    return found, scores


def sync(weights, image, steps, strides, groups, stem_stride=2):
    names, found, scores, old = [f"area{k + 1}" for k in range(len(strides))], [], [], {}
    stem = F.max_pool2d(_conv(weights, "stem", image, stem_stride), 3, 2, 1)
    for _ in range(steps):
        new = {}
        for k, area in enumerate(names):
            heard = [] if k else [stem]
            if k and names[k - 1] in old:
                below = old[names[k - 1]]
                maps = F.max_pool2d(below, 3, 2, 1) if strides[k] == 2 else below
                heard.append(_conv(weights, f"{area}.bottom_up", maps))
            if area in old and f"{area}.lateral.weight" in weights:
                heard.append(_conv(weights, f"{area}.lateral", old[area]))
            if f"{area}.top_down.weight" in weights and names[k + 1] in old:
                bring = _up if strides[k + 1] == 2 else _conv
                heard.append(bring(weights, f"{area}.top_down", old[names[k + 1]]))
            if heard:
                norm = weights[f"{area}.norm.weight"], weights[f"{area}.norm.bias"]
                new[area] = torch.relu(F.group_norm(sum(heard), groups, *norm))
        found.append(new)
        scores.append(_linear(weights, new[names[-1]].mean((2, 3))) if names[-1] in new else None)
        old = new
    return found, scores


def spoerer2017(weights, image, steps, size=5, alpha=1e-4, beta=0.5, k=1.0):
    count = sum(name.endswith("bottom_up.weight") for name in weights)
    names, found, scores, old = [f"area{j + 1}" for j in range(count)], [], [], {}
    first = _conv(weights, "area1.bottom_up", image)
    for _ in range(steps):
        new, maps = {}, None
        for j, area in enumerate(names):
            z = _conv(weights, f"{area}.bottom_up", F.max_pool2d(maps, 2)) if j else first
            for name, bring, source in (("lateral", _conv, j), ("top_down", _up, j + 1)):
                if f"{area}.{name}.weight" in weights:
                    shape = (len(image), weights[f"{names[source]}.bottom_up.weight"].shape[0])
                    size_there = [n // 2 ** (source - j) for n in z.shape[2:]]
                    before = old[names[source]] if old else z.new_zeros(*shape, *size_there)
                    z = z + bring(weights, f"{area}.{name}", before)
            maps = new[area] = F.local_response_norm(torch.relu(z), size, alpha, beta, k)
        found.append(new)
        scores.append(_linear(weights, maps.amax((2, 3))))
        old = new
    return found, scores
