"""Titles of reports, as a reader of a journal would write them."""

from cordsnet.experiments import Result

TITLES = {
    "adaptation": "Adaptation to a repeated image",
    "adversarial": "Adversarial attacks through time",
    "attribution": "Evidence for an answer over time",
    "challenge": "Published networks beside people on the challenge set",
    "challenge_models": "Object recognition in hard conditions beside people",
    "coarse_steps": "Answers at coarser and finer time steps",
    "coarse_training": "Training at coarse and at fine time steps",
    "compare": "Models compared",
    "contraction": "Ablation: a constraint that proves a single attractor",
    "degraded": "Recognition of degraded images",
    "demo": "A network trained on handwritten digits",
    "dense_networks": "Fully connected recurrent networks on images",
    "dynamical_regimes": "Dynamical regimes of untrained networks, and attractors grown in cognitive tasks",
    "expressivity": "Dense, low-rank, sparse and convolutional recurrence on cognitive tasks",
    "fewer_steps": "Ablation: fewer time steps in training",
    "gradient_rules": "Gradient rules beside back-propagation through time",
    "hard_images": "Decision times of easy and hard images",
    "held_attractors": "Attractors held after training on long delays",
    "inverse_init": "Recurrent networks made from a CNN: inverse initialisation and other ways",
    "latency": "Response latencies of areas",
    "log_weights": "Ablation: log-spaced weights of the loss",
    "loss_terms": "Ablation: terms of the loss",
    "masking_models": "Backward masking of occluded objects beside {people}",
    "masking_people": "Backward masking of occluded objects in {people}",
    "mixtures": "Mixtures of two images: settled states, switches and hysteresis",
    "neural_between": "Agreement with animals beside agreement between animals",
    "neural_decoding": "Decoding from recorded neurons over time",
    "neural_scores": "Prediction of recorded neurons",
    "neural_straightening": "Straightening of natural movies in neurons and models",
    "noise": "Recognition under noise redrawn at every frame",
    "pixel_tasks": "Cognitive tasks learned from pixels",
    "portrait": "Dynamical portrait: spectra, fixed points and regime",
    "precision": "Errors of half precision",
    "reaction_time": "Decision times beside reaction times of {people}",
    "readout_zones": "Speed of states before and after the answer",
    "second_image": "Recognition of a second image",
    "serial_presentation": "Rapid serial visual presentation",
    "speed": "Time to settle and time to decide",
    "spontaneous_or_decay": "Spontaneous penalty and weight decay",
    "spontaneous_weight": "Ablation: weight of the spontaneous penalty",
    "steppers": "Errors of numerical integration",
    "summation": "Temporal and contrast summation",
    "table1": "Feedforward, staged and direct training",
    "temporal_tasks": "Tasks that need order in time",
    "time_course": "Time course of recognition",
    "top_area": "Ablation: recurrence in the top area alone",
    "weight_decay": "Ablation: spontaneous penalty or weight decay",
}
"""Experiment -> title; one that a user adds is called by its name."""

PEOPLE = {"masking_models": "people", "masking_people": "kept", "reaction_time": "reaction_time"}
"""Experiment -> table whose column "people" is the number of people."""

QUESTIONS = {
    "r1": "worse images and attacks",
    "r2": "time that hard and ambiguous images take",
    "r3": "solvers, steps and attractors",
}


def title_of(result: Result) -> str:
    """Title of a report: that of the figure of the paper or of the experiment, and the models where there are few."""
    if figure := str(result.meta.get("figure", "")):
        return figure_title(figure)
    name = str(result.meta.get("experiment", "result"))
    counted = {row["people"] for row in result.tables.get(PEOPLE.get(name, ""), ())}
    title = experiment_title(name, counted.pop() if len(counted) == 1 else None)
    models = list(map(str, result.meta.get("models", {})))
    if not models:
        return title
    return f"{title}: {models[0]}" if len(models) == 1 else f"{title}: {len(models)} models"


def experiment_title(name: str, people: int | None = None) -> str:
    """Title of an experiment, without models; `people` is how many there are where that is one number."""
    if name not in TITLES:
        return name.replace("_", " ").capitalize()
    return TITLES[name].format(people="people" if people is None else f"{people} people")


def figure_title(name: str) -> str:
    """Title of a name of `FIGURES`: a figure of the paper, or questions of its reviewers."""
    asked = "Questions of the reviewers of Soo et al. (2024)"
    if name in QUESTIONS:
        return f"{asked}: {QUESTIONS[name]}"
    return asked if name == "reviewers" else f"Figure {name.removeprefix('fig').upper()} of Soo et al. (2024)"
