"""Digest of everything by which two models differ: description, lesions and weights."""

import hashlib
import json
from typing import Any

import torch


def model_digest(model: Any) -> str:
    """Digest of a model's description, lesions and weights; the same on every device, another after any change."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([model.description(), repr(model.lesions)], sort_keys=True, default=str).encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")
    return digest.hexdigest()
