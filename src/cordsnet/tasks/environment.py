"""Tasks as environments of gymnasium: a frame is a step."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_count
from cordsnet.dynamics import Hold, Record, integrate, start, trial_seeds
from cordsnet.tasks.acting import Choosing, acting
from cordsnet.tasks.performance import check_reads, check_sizes
from cordsnet.tasks.running import MOST_TRIALS, check_network
from cordsnet.tasks.task import IMAGE, Task
from cordsnet.tasks.trials import Trials

MOST_SEED = 2**63 - 1
"""Largest seed of trials."""

MOST_EPISODES = 2**62
"""Largest number of an episode."""

Frame: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]


@check_init
class TaskEnvironment(gymnasium.Env[Frame, Any]):
    """Trials of a task frame by frame; an episode is a trial.

    Observations are frames: [channels] or [1, S, S]. Actions are options: 0 to fixate, k for answer k. An answer ends
    the trial, with a reward of 1 if it is right and comes in the decision period, -0.1 if it comes before (broken
    fixation), and 0 else. A trial without an answer ends after its last frame; withholding where that is right
    (`go_nogo`) then brings 1. `info` holds the period, the conditions, and the wanted action of the frame that is seen.

    Where the answer is an angle (`delayed_saccade`, `sequence`), actions are activities [33] from -10 to 10 of the
    fixation unit and the ring. A trial ends after its last frame, with 1 if the task takes them for a right answer.
    Before the go cue it ends with -0.1 when the fixation unit falls below 0.5, or is below it in the last frame. Where
    values are held (`flip_flop`), actions are these values [bits] from -10 to 10, and a trial ends after its last
    frame, with 1 if the task takes them for a right answer.

    Episode k of a seed is trial k of that seed, whatever came before. `reset(seed=...)` starts again at episode 0 of
    another seed.

    Parameters
    ----------
    task : the task, whose answer is a choice, an angle or the values of one output.
    seed : of the trials.
    gaze : True if the gaze moves: actions are {"option", "gaze"}, where "gaze" is its place in half-widths of the field
        (x to the right, y up, -1 to 1), and the next frame is shifted so that this place is in its middle, in parts of
        a pixel; what lies outside the movie is dark. Needs images and a choice.

    Raises
    ------
    ValueError : the task has none of these, or `gaze` is True without images or without a choice.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as gymnasium declares it

    def __init__(self, task: Task, seed: int = 0, gaze: bool = False) -> None:
        self.acting = acting(task)
        if gaze and not isinstance(self.acting, Choosing):
            raise ValueError(f"gaze = True needs a task with a choice, got {task.kind!r}, which has none")
        if gaze and task.rendering != IMAGE:
            raise ValueError(f"gaze = True needs rendering='image', got rendering={task.rendering!r}")
        self.task, self.gaze, self.episode = task, gaze, -1
        self.trial_seed = check_count(seed, "seed", 0, most=MOST_SEED)
        self.action_space: spaces.Space[Any] = self.acting.space
        if gaze:
            look = spaces.Box(-1.0, 1.0, (2,), np.float32)
            self.action_space = spaces.Dict({"option": self.acting.space, "gaze": look})
        size: tuple[int, ...] = (len(task.vector_channels),)
        low, high = -np.inf, np.inf
        if task.rendering == IMAGE:
            size, low, high = (1, task.image_size, task.image_size), 0.0, 1.0
        self.observation_space = spaces.Box(low, high, size, np.float32)
        self.trials: Trials | None = None
        self.frame, self.place = 0, torch.zeros(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Begin the next episode; with a seed, episode 0 of that seed; with options {"episode": k}, episode k."""
        asked = {} if options is None else options
        if not isinstance(asked, Mapping) or set(asked) - {"episode"}:
            raise ValueError(f"options must be None or {{'episode': k}}, got {options!r:.60}")
        if seed is not None:
            self.trial_seed, self.episode = check_count(seed, "seed", 0, most=MOST_SEED), -1
        super().reset(seed=seed)
        self.episode = check_count(asked.get("episode", self.episode + 1), "options['episode']", 0, most=MOST_EPISODES)
        self.trials = self.task.sample(1, self.trial_seed, self.episode)
        self.frame, self.place = 0, torch.zeros(2)
        self.acting.begin()
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Act on the frame that is seen. Raises ValueError for an action that cannot be, or after the trial's end."""
        if self.trials is None or self.frame >= self.trials.frames:
            raise ValueError("step needs a trial that runs; call reset() first")
        if not self.action_space.contains(action):
            raise ValueError(f"action must be one of {self.action_space}, got {action!r:.100}")
        if self.gaze:
            self.place = torch.as_tensor(action["gaze"], dtype=torch.float32)
        reward, ended = self.acting.judged(self.trials, self.frame, action["option"] if self.gaze else action)
        info = self._info()
        seen = self._observation(min(self.frame + 1, self.trials.frames - 1))
        self.frame = self.trials.frames if ended else self.frame + 1
        return seen, reward, ended, False, info if ended else self._info()

    def _observation(self, frame: int = 0) -> Frame:
        assert self.trials is not None
        seen = self.trials.inputs[self.task.rendering][frame, 0]
        if self.gaze:
            seen = looked_at(seen[None], self.place[None])[0]
        made: Frame = seen.numpy().astype(np.float32)
        return made

    def _info(self) -> dict[str, Any]:
        assert self.trials is not None
        trials, now = self.trials, min(self.frame, self.trials.frames - 1)
        running = [name for name, edges in trials.periods.items() if edges[0, 0] <= now < edges[0, 1]]
        conditions = {name: value[0].tolist() for name, value in trials.conditions.items()}
        truth = self.acting.wanted(trials, now)
        return {"period": running[-1], "conditions": conditions, "ground_truth": truth, "episode": self.episode}


def looked_at(frames: Tensor, places: Tensor) -> Tensor:
    """Frames [B, C, S, S] shifted so that the places [B, 2] are in the middle, bilinearly; beyond the border is dark.

    Parameters
    ----------
    frames : grey values.
    places : x to the right and y up, in half-widths of the field.
    """
    size = frames.shape[-1]
    middles = (torch.arange(size, dtype=frames.dtype, device=frames.device) + 0.5) * (2 / size) - 1
    across = middles.expand(size, size) + places[:, 0, None, None]
    down = middles[:, None].expand(size, size) - places[:, 1, None, None]
    return functional.grid_sample(frames, torch.stack([across, down], -1), align_corners=False).clamp(0, 1)


@torch.no_grad()
@check_arguments
def play(model: Any, environment: TaskEnvironment, episodes: int, seed: int = 0) -> list[dict[str, Any]]:
    """Let a network play episodes, step by step: it answers with its output at the end of every frame.

    Parameters
    ----------
    model : the network, with an output "choice", of which the leading option is its action, or another ("ring",
        "bits"), whose values are its action; set to evaluation meanwhile.
    environment : an environment without gaze.
    episodes : number of episodes, from the environment's next one.
    seed : of the network's noise; every episode has noise of its own.

    Returns
    -------
    For each episode "episode", "reward", "frames" (until the answer), "option" (the last one; of a choice alone), and
    "outputs" [frames, options or units], those of `run_trials` for trial k of a batch from trial 0, k the episode.

    Raises
    ------
    ValueError : the environment moves its gaze, does not end an episode or rewards it with NaN; the network does not
        read the rendering or lacks the output; or a frame is no whole number of the network's steps.
    """
    check_network(model, "system", "training")
    check_count(episodes, "episodes", 1, most=MOST_TRIALS)
    if environment.gaze:
        raise ValueError("environment must have gaze=False; a network without an output of gaze cannot move it")
    check_reads(model, environment.task)
    training = model.training
    try:
        model.eval()
        return [_episode(model, environment, seed) for _ in range(episodes)]
    finally:
        model.train(training)


def _episode(model: Any, environment: TaskEnvironment, seed: int) -> dict[str, Any]:
    system, notes = model.system(), list[str]()
    seen, info = environment.reset()
    assert environment.trials is not None
    steps = system.clock.cut([("duration of a frame", environment.task.frame_ms)] * environment.trials.frames, notes)
    state, scores = start(system, None, 1, seed), list[Tensor]()
    if state.seeds is not None:
        state = replace(state, seeds=trial_seeds(seed, 1, state.seeds.device, environment.episode))
    reward, ended, told = 0.0, False, dict[str, Any]()
    while not ended:
        if len(scores) == len(steps):
            raise ValueError(f"environment must end an episode after its {len(steps)} frames, and goes on")
        count = steps[len(scores)]
        shown: dict[str, Tensor] = {environment.task.rendering: torch.as_tensor(seen).to(model.like)[None]}
        model.check_inputs(shown)
        record = Record(times_ms=(system.clock.time_ms(count),))
        found = integrate(system, [Hold(count, shown)], state, record, count)
        state = found.final_state
        check_sizes(environment.task, found.outputs)
        scores.append(found.outputs[environment.acting.output][-1, 0].cpu())
        action = environment.acting.of(scores[-1])
        if isinstance(environment.acting, Choosing):
            told = {"option": action}
        seen, reward, ended, _, _ = environment.step(action)
        if not math.isfinite(reward):
            raise ValueError(f"environment must give finite rewards, got {reward!r} in frame {len(scores) - 1}")
    told |= {"episode": info["episode"], "reward": reward, "frames": len(scores), "outputs": torch.stack(scores)}
    return told
