"""The story that the page tells: seven steps, each with a question to answer by moving.

Prose uses the mark-up of derivations: ``{name}`` is inline mathematics by role.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A live figure: the identifier that the page's script draws by, and a caption."""

    identifier: str
    caption: str


@dataclass(frozen=True)
class Scene:
    """One step of the story.

    Attributes
    ----------
    identifier : str
        Anchor of the section, and name of the question's condition in the script.
    title : str
    prose : str
    equations : tuple of str
        Labels of the derivation's equations shown in this step.
    pictures : tuple of Picture
    controls : tuple of str
        Keys of the sliders, or the first part of the keys of several.
    question, reason : str
        What the reader is asked to reach, and why it is so, shown when it is reached.
    """

    identifier: str
    title: str
    prose: str
    equations: tuple[str, ...]
    pictures: tuple[Picture, ...]
    controls: tuple[str, ...]
    question: str
    reason: str


def scenes(rank: int) -> tuple[Scene, ...]:
    """The steps of the story for a network that has learned ``rank`` directions."""
    return (
        Scene(
            "loss",
            "A loss that stands still",
            "This network has two linear layers, {first_layer} and {second_layer}. It starts at "
            "a minimum of its loss and goes on learning from one fresh sample after the other. "
            "Its loss fluctuates a little and stays where it is.\n\n"
            "The second figure shows the hidden representation of one stimulus in the same "
            "network at the same time.",
            ("error", "sample-loss", "update"),
            (
                Picture(
                    "figure-loss",
                    "The loss stays at its minimum plus a small excess, which the theory of step "
                    "4 predicts.",
                ),
                Picture(
                    "figure-representation",
                    "Activity of the hidden units, always for the same stimulus.",
                ),
            ),
            ("learning_rate",),
            "Has learning come to an end? Move the learning rate and let the simulation run "
            "until the representation has turned by 20 degrees. Watch the loss meanwhile.",
            "The representation has turned and the loss is where it was. Standing still in loss "
            "does not mean standing still: the weights keep moving. This is representational "
            "drift. Which moves leave the loss alone is the next step.",
        ),
        Scene(
            "manifold",
            "A manifold of solutions",
            "The loss depends on the weights through the product {second_layer} {first_layer} "
            "and through the size of the weights. Turn the hidden layer by an orthogonal matrix "
            "and turn it back on the way out: neither changes. Every minimum is therefore a "
            "point of a whole orbit of minima.",
            ("rotated", "dimension"),
            (
                Picture(
                    "figure-valley",
                    "Expected loss while the hidden layer turns. Stretching both layers lifts the "
                    "whole line off the minimum.",
                ),
                Picture(
                    "figure-hidden",
                    "Hidden representations of two inputs. They turn, their lengths and the angle "
                    "between them stay.",
                ),
            ),
            ("rotation", "stretch"),
            "You start off the minimum, stretched. Find another solution that is exactly as good "
            "as the best one and has its hidden layer turned by at least 90 degrees.",
            "Stretching costs loss, turning costs nothing. The set of best networks is a valley "
            "with a flat floor, and its floor consists of the rotations of one solution.",
        ),
        Scene(
            "noise",
            "Noise that cannot push along it",
            "Each step uses one sample, so that the gradient is noisy even at the minimum. One "
            "would expect this noise to push the network along the flat floor. Measure it: the "
            "probe shows how strong the gradients of single samples are along one direction.",
            ("orthogonal",),
            (
                Picture(
                    "figure-noise",
                    "Gradients of 400 single samples at the minimum. Horizontal: along the floor "
                    "of the valley. Vertical: up its walls.",
                ),
                Picture(
                    "figure-probe",
                    "Variance of the gradients along the probe, with the prediction of the theory.",
                ),
            ),
            ("probe", "weight_decay", "label_noise"),
            "Turn the probe until the noise vanishes. In which direction does it point then? "
            "Try whether weight decay or label noise can change it.",
            "The noise vanishes exactly along the floor. The loss of every single sample is "
            "invariant under hidden rotations, not only its average, so that no sample has a "
            "slope along the orbit. At first order nothing can make the network drift.",
        ),
        Scene(
            "fluctuation",
            "Fluctuation around the valley floor",
            "Across the valley the noise kicks the network up the walls, and the curvature "
            "{hessian} pulls it back. The network performs an Ornstein-Uhlenbeck process with "
            "the stationary covariance {fluctuation}. It costs an excess loss.",
            ("lyapunov", "excess-loss"),
            (
                Picture(
                    "figure-cloud",
                    "Deviations from the nearest minimum in two directions across the valley.",
                ),
                Picture(
                    "figure-excess",
                    "Excess loss against the learning rate. The error bar shrinks while the "
                    "simulation runs.",
                ),
            ),
            ("learning_rate", "weight_decay", "label_noise"),
            "Halve the excess loss of the study. Which sliders can do it?",
            "The excess loss is a quarter of the learning rate times the total gradient noise. A "
            "smaller rate makes it smaller in proportion. Weight decay and label noise act "
            "through the noise: without them the error of every sample at the minimum would "
            "vanish.",
        ),
        Scene(
            "area",
            "Area becomes rotation",
            "The noise cannot push along the floor, but the floor is curved. When the "
            "fluctuation runs around a closed loop, the network does not come back to where it "
            "was: it has moved along the floor, as a falling cat turns by moving its limbs in a "
            "loop. The hidden layer turns by the area that the fluctuation sweeps, divided by "
            "{metric}.",
            ("rotation-step", "metric"),
            (
                Picture(
                    "figure-loop",
                    "A loop of the fluctuation. The phase between its two directions decides the "
                    "area.",
                ),
                Picture(
                    "figure-trace",
                    "3000 steps of SGD: the measured rotation of the hidden layer and the sum of "
                    "the areas that the fluctuation swept. They differ by higher orders of the "
                    "fluctuation.",
                ),
            ),
            ("phase", "learning_rate"),
            "At phase 0 the loop is a line that is run back and forth. Find the phase that turns "
            "the hidden layer as far as possible in the negative direction.",
            "The area of the loop goes with the sine of the phase: it vanishes on a line, is "
            "largest on a circle, and changes sign with the sense of the loop. SGD runs loops of "
            "both senses at random, so that the areas add up to a random walk.",
        ),
        Scene(
            "diffusion",
            "Diffusion along the floor",
            "Areas with random signs add up to diffusion: the squared rotation of the hidden "
            "layer grows in proportion to time. Its slope is {rotation_covariance}, and half of "
            "it is the diffusion coefficient {diffusion_tensor}. The theory gives it for every "
            "plane of hidden axes, as a sum over all axes of the areas that their blocks sweep. "
            "The simulation on this page measures it.",
            ("total", "exponents"),
            (
                Picture(
                    "figure-diffusion",
                    "Mean squared rotation against time lag. Lines: theory. Points: simulation, "
                    "with standard errors that shrink while it runs.",
                ),
            ),
            ("learning_rate", "covariance", "gains", "weight_decay", "label_noise"),
            "Make diffusion eight times slower than in the study by moving the learning rate "
            "alone. How far do you have to go?",
            "Half the learning rate is enough, for two to the third power is eight. One factor "
            "comes from the size of the fluctuation, two from the noise that moves it around.",
        ),
        Scene(
            "stimuli",
            "Which stimuli drift",
            "The representation of a stimulus drifts as fast as the planes that it has a part "
            "in. A stimulus that is met more often has a larger input variance "
            "{input_variance}, a stiffer valley and a smaller error.\n\n"
            "Frequency means here the share of an axis in the variance of all inputs, as if every "
            "sample came along one axis and all were equally strong. The slider moves the share "
            "of the first stimulus. The others divide the rest in their old proportions, so that "
            "the total stays the same: what is met more often is met at the cost of the others.",
            ("axis-decay", "decay-rate"),
            (
                Picture(
                    "figure-stimuli",
                    "Drift of each stimulus against the frequency of the first one, at the same "
                    "total variance. Lines: theory; a line ends where its direction is no longer "
                    "learned. Points: simulation at the present frequency.",
                ),
            ),
            ("frequency", "label_noise", "weight_decay"),
            "Turn the order of the first two stimuli around: make the one that drifts faster the "
            "slower one. If they are equally fast, make the first at least 10 percent slower.",
            _ORDER if rank > 2 else _ORDER_OF_TWO,
        ),
    )


_ORDER = (
    "Without much label noise the frequent stimulus drifts more slowly than the others: its error "
    "is smaller and its walls are steeper, and theirs are the opposite. Label noise does not "
    "shrink with the error and weighs more where the input is strong, so that enough of it turns "
    "the order around. The loss shows none of this."
)
_ORDER_OF_TWO = (
    "With two learned directions there is one plane, and both representations decorrelate at the "
    "same rate. What differs is the length of the representation: the larger singular value moves "
    "farther by the same rotation."
)
