"""Folders of models on the Hugging Face hub: weights as safetensors, JSON and a card, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from cordsnet.errors import CheckpointError, RunError
from cordsnet.models.files import CARD, DESCRIPTION, WEIGHTS


def download(name: str, revision: str | None = None, token: str | None = None) -> Path:
    """A repository's model as a folder on this machine; where the hub is out of reach, as it was last fetched.

    Raises CheckpointError, saying why, when it is not to be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of its HTTP library, whichever it is

    wanted = [WEIGHTS, DESCRIPTION, CARD]
    try:
        return Path(snapshot_download(name, revision=revision, token=token, allow_patterns=wanted))
    except (HTTPError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{name!r} is no folder here and cannot be had from the Hugging Face hub ({_reason(error)}); "
            "check the name, and the connection"
        ) from error


def upload(save: Callable[[str], None], name: str, token: str | None, private: bool | None) -> str:
    """Save into a temporary folder and upload that to a repository, which is made if need be. Returns its address.

    Raises RunError, saying why, when the hub cannot be reached or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of its HTTP library, whichever it is

    api = HfApi(token=token)
    with TemporaryDirectory() as folder:
        save(folder)
        try:
            address = api.create_repo(name, private=private, exist_ok=True)
            api.upload_folder(repo_id=name, folder_path=folder, commit_message="Upload a model of cordsnet")
        except (HTTPError, OSError, ValueError) as error:
            raise RunError(
                f"nothing could be put into {name!r} on the Hugging Face hub ({_reason(error)}); "
                "check the name, the connection and the token (hf auth login)"
            ) from error
    return str(address)


def _reason(error: Exception) -> str:
    """The first line of what an error says, or its kind."""
    lines = str(error).strip().splitlines()
    return lines[0][:160].rstrip(".") if lines else type(error).__name__
