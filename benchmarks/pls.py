"""Time and memory of the PLS of cordsnet beside that of scikit-learn, as a table of Markdown.

    python benchmarks/pls.py                                          # both, 5,760 rows, 4,096 units, 168 neurons
    python benchmarks/pls.py --from-disk --rows 64000 --units 25088   # cordsnet alone, from a file of 6.4 GB

Activity is rectified, of 100 latent directions; neurons are noisy sums of them. A tenth of the rows is held out. Both
fits run in one process, on one thread unless OMP_NUM_THREADS says otherwise. Their times are those of the processor,
and on the wall. From disk, the fit runs in a process of its own, whose peak memory is reported.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from cordsnet.neural.mapping.pls import PLS

LATENT, COMPONENTS, CHUNK = 100, 25, 1000
SPREAD = 6 / np.arange(1, LATENT + 1, dtype=np.float32) ** 0.75
"""Standard deviation of each latent direction, a power law as in cortex."""

HEAD = "| fit | processor s | wall s | median test r | peak memory of the process, GB |\n|---|---|---|---|---|"
PART = "--part"


def weights(units: int, neurons: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights of units and of neurons on the latent directions."""
    draw = np.random.default_rng(1)
    return tuple(draw.standard_normal((LATENT, size), np.float32) for size in (units, neurons))  # type: ignore[return-value]


def rows(start: int, count: int, to: tuple[NDArray[np.float32], NDArray[np.float32]]) -> tuple[Any, Any]:
    """Activity [count, units] and responses [count, neurons] of the rows from `start` on."""
    draw = np.random.default_rng([2, start])
    latent = draw.standard_normal((count, LATENT), np.float32) * SPREAD
    activity = latent @ to[0] + draw.standard_normal((count, to[0].shape[1]), np.float32)
    return np.maximum(activity, 0), latent @ to[1] + 6 * draw.standard_normal((count, to[1].shape[1]), np.float32)


def made(options: argparse.Namespace, into: Any) -> NDArray[np.float32]:
    """Write activity into an array [rows, units], and return responses [rows, neurons]."""
    to, found = weights(options.units, options.neurons), []
    for start in range(0, options.rows, CHUNK):
        count = min(CHUNK, options.rows - start)
        into[start : start + count], part = rows(start, count, to)
        found.append(part)
    return np.concatenate(found)


def median_r(predicted: NDArray[Any], observed: NDArray[Any]) -> float:
    """Median over neurons of the correlation over rows."""
    return float(np.median([np.corrcoef(one, other)[0, 1] for one, other in zip(predicted.T, observed.T, strict=True)]))


def peak_gb() -> float:
    """Peak memory of this process in GB, from Linux; that of `resource` would count the process that started it."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 2**20 if found else float("nan")


def timed(name: str, fit: Callable[[], Any], test: NDArray[Any], observed: NDArray[Any]) -> tuple[float, float]:
    """Print the row of a fit, and return its time on the processor in s and its median r."""
    processor, wall = time.process_time(), time.perf_counter()
    model = fit()
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    r = median_r(model.predict(test), observed)
    peak = peak_gb()
    print(f"| {name} | {processor:.2f} | {wall:.2f} | {r:.5f} | {peak:.2f} |", flush=True)
    return processor, r


def in_memory(options: argparse.Namespace) -> int:
    """Time both fits on the same rows; the exit status is 1 unless cordsnet is 20 times as fast and r is equal."""
    from sklearn.cross_decomposition import PLSRegression

    activity = np.empty((options.rows, options.units), np.float32)
    responses = made(options, activity)
    cut = options.rows - options.rows // 10
    given = activity[:cut], responses[:cut]
    test = activity[cut:], responses[cut:]
    PLS(2).fit(given[0][:64], given[1][:64])
    print(HEAD)
    own, own_r = timed("cordsnet", lambda: PLS(COMPONENTS).fit(*given), *test)
    other, other_r = timed("scikit-learn", lambda: PLSRegression(COMPONENTS, scale=False).fit(*given), *test)
    print(f"\n{other / own:.1f} times as fast on the processor")
    return int(other / own < 20 or abs(own_r - other_r) > 1e-4)


def from_disk(options: argparse.Namespace) -> int:
    """Write a file, and fit it in another process; the exit status is that of the process."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "activity.npy"
        whole = np.lib.format.open_memmap(path, "w+", np.float32, (options.rows, options.units))
        np.save(Path(folder) / "responses.npy", made(options, whole))
        whole.flush()
        print(HEAD, flush=True)
        return subprocess.run([sys.executable, __file__, PART, folder], check=False).returncode  # noqa: S603 - itself


def part(folder: Path) -> int:
    """Fit the file of a folder; the exit status is 1 if it took more than 2 GB of memory."""
    activity, responses = np.load(folder / "activity.npy", mmap_mode="r"), np.load(folder / "responses.npy")
    cut = len(activity) - len(activity) // 10
    name = f"cordsnet from disk, {activity.nbytes / 2**30:.2f} GB"
    timed(name, lambda: PLS(COMPONENTS).fit(activity[:cut], responses[:cut]), activity[cut:], responses[cut:])
    return int(peak_gb() > 2)


def main() -> int:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5760)
    parser.add_argument("--units", type=int, default=4096)
    parser.add_argument("--neurons", type=int, default=168)
    parser.add_argument("--from-disk", action="store_true", help="fit a file in a process of its own")
    parser.add_argument("--folder", type=Path, help="where the file is written; by default that of temporary files")
    parser.add_argument(PART, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        return part(options.part)
    return from_disk(options) if options.from_disk else in_memory(options)


if __name__ == "__main__":
    sys.exit(main())
